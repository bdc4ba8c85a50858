"""How long a tile is presented, and how it is read out."""
