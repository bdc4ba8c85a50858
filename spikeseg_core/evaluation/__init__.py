"""Segment whole sections and score them."""
