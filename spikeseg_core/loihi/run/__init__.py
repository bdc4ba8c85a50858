"""Running a mapped network on this project's emulator, NengoLoihi's, or a board."""
