"""The tests of the core where the old stack is not installed (``make core``)."""
