"""Conventional devices at the same work: CPU, GPU, published ones."""
