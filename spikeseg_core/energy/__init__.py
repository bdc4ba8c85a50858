"""Energy and time per section: Loihi from counted events, CPU and GPU by meters or stated power."""
