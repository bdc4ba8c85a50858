"""Energy figures by device: Loihi, CPU, GPU, published devices."""
