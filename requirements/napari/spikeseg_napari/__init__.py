"""SpikeSeg in napari: a widget that segments an image layer, and sections to try it on."""
