from __future__ import annotations

from spikeseg_core.energy.devices.load import Reading


class FakeLoad:
    """Others use ``shares[i]`` of one CPU in reading ``i``, and the last share from then on.

    Reading lasts a second: from an even call to the odd one after it.
    """

    def __init__(self, *shares: float) -> None:
        self.shares = shares
        self.calls = 0
        self.used = 0.0

    def read(self) -> Reading:
        if self.calls % 2:
            self.used += self.shares[min(self.calls // 2, len(self.shares) - 1)]
        self.calls += 1
        return self.used, float(self.calls // 2)
