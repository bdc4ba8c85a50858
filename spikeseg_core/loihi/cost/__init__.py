"""What a presentation costs on Loihi: events, time, energy."""
