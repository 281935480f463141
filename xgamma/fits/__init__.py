"""FITS below any meaning: bytes, headers, tables, images, and what may be wrong with them."""
