"""The reports: their elements, the records they are made from, and their renderers."""
