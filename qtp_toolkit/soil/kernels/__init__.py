"""Conductivity of soil, and the water content that it and a settlement have in common, on plain arrays."""
