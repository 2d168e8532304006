"""Arrays in, arrays out: numpy, scipy and numba only; no labels, no dask, no input or output."""
