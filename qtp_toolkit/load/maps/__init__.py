"""Maps: rasters by quantity or class, soil by depth, lines and polygons."""
