"""The reports: what they are made of, where it is read, and how it is written."""
