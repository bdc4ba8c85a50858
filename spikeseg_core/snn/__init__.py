"""Stage 4: the spiking network in NengoDL, and its firing rates."""
