"""Running a mapped network: the emulator of this project, NengoLoihi's, or a board."""
