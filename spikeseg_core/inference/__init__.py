"""A finished network for users: sections in, membrane probability out."""
