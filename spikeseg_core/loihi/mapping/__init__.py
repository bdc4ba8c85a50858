"""Mapping: layers to tiles, tiles to cores, cores to chips and places on the mesh."""
