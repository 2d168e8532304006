"""Motion of the embedded scene on plain arrays."""
