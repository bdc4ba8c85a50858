"""Mapping to Loihi: limits, tiles, building, partitioning, deployment, emulation."""
