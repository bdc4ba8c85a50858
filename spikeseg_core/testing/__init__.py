"""What others need to test a Loihi emulator: the conformance corpus, and random networks.

:mod:`~spikeseg_core.testing.strategies` (random networks for property tests) needs hypothesis,
:mod:`~spikeseg_core.testing.networks` (what NengoLoihi makes of them) NengoLoihi; the corpus and
its reader need neither.
"""

from spikeseg_core.testing.corpus import Case, cases, difference

__all__ = ["Case", "cases", "difference"]
