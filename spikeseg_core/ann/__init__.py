"""Stages 2 and 3: the U-Net as an artificial network, trained and then tuned to Loihi's rates."""
