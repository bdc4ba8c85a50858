"""A finished network as its user wants it: sections in, membrane probability out."""
