"""Loihi: mapping, quantization, emulation, deployment and cost."""
