"""Cost of a presentation on Loihi: events, time, energy."""
