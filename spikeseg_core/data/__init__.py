"""Sections, labels and tiles: from files to what the network sees (docs/reference/data.md)."""
