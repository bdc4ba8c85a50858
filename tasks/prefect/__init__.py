"""Prefect: artifacts, and the start of a run in a terminal."""
