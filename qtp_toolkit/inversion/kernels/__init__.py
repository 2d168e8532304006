"""The L1 inversion on plain arrays: elimination order, Laplacian, lanes of pixels, reweighting."""
