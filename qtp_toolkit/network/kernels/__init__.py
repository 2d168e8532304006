"""Numerics of the network that nobody else uses. Arrays in, arrays out."""
