"""How fast the server is, beside the original: `make bench`."""
