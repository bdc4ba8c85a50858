"""Floating-point weights to Loihi's integers."""
