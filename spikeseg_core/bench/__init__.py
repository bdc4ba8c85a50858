"""What `spikeseg bench` measures."""
