"""What kernels and those who call them agree on."""

STEP = 8
"""Side of a tile in pixels."""
