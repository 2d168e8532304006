"""The indices of the deformation model and its least squares, on plain arrays."""
