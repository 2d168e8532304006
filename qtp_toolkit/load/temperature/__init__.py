"""Land surface temperature and vegetation index of MODIS: granules, cut-outs, tables."""
