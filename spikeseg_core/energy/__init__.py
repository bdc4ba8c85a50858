"""Energy and time per section: Loihi from counted events, others from meters or stated power."""
