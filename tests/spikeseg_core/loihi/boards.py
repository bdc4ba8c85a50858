"""What stands in for NxSDK's board."""

from collections import defaultdict
from types import SimpleNamespace


class FakeBoard:
    """As many chips, cores and compartments as are written to."""

    def __init__(self) -> None:
        self.n2Chips = defaultdict(_chip)


def _chip():
    return SimpleNamespace(n2CoresAsList=defaultdict(_core))


def _core():
    return SimpleNamespace(cxState=defaultdict(SimpleNamespace))
