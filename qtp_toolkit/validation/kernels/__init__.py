"""Block averages on plain arrays."""
