"""Compiled parts of the grid: plain arrays in and out."""
