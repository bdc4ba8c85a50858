"""Other people's networks: read from a file, made spiking, mapped to the chip, emulated."""
