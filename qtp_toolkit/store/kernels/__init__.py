"""Values of a tile on plain arrays: integers, limits, means."""
