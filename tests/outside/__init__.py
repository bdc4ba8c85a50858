"""Networks that others trained, from public packages, on the chip (``make outside``)."""
