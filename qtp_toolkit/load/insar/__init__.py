"""Stacks of unwrapped interferograms: one convention, and one file a producer."""
