"""How files are read and believed: headers, pixels, units, dates, and what is refused."""
