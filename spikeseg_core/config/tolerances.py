"""All tolerances, with their reasons. Scores are between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _scores(**by_score: float) -> Mapping[str, float]:
    return MappingProxyType(by_score)


CLAIMED = _scores(pixel_accuracy=0.003, v_rand=0.01, v_info=0.005)
"""How far the lower end of the 95 % interval of Loihi's scores less a baseline's, paired by
section, may be below zero where their energies are compared. Chosen margins."""

AS_GOOD = _scores(**{name: margin / 2 for name, margin in CLAIMED.items()})
"""How far a way of presenting tiles may be below its reference, on validation: half of
:data:`CLAIMED`, as the other half is left to chance.

V_Rand alone, on a few sections, would let a lucky point pass: one merged cell moves it by 0.02, but
V_Info, of the same partitions, only slightly. Pixel accuracy hardly varies by chance: over six
folds a loss of .004 that was accepted on validation was one of .004 on test."""

EQUAL_ACCURACY = 0.005
"""Pixel accuracy on test that two networks may differ by and still be compared for energy. A chosen
margin: calling every pixel interior scores 0.80, the best networks about 0.925."""

CHIP_BELOW_ANN = _scores(pixel_accuracy=0.002, membrane_iou=0.015, v_rand=0.01, v_info=0.003)
"""How far the chip may be below the ANN on test before a run reports it: the noise of these
scores between runs. Defaults of the settings ``tolerance``."""

CHALLENGER_BELOW_CHAMPION = _scores(pixel_accuracy=0.001, v_rand=0.01, v_info=0.0025)
"""How far a newly deployed network may fall below the champion on validation and still replace it,
if it is better in something else: at most :data:`CHIP_BELOW_ANN`, because small losses could add up
from champion to champion. Defaults of the settings ``promotion``."""

CHALLENGER_ENERGY = 0.05
"""Ratio by which a challenger may need more energy on Loihi. A chosen margin; repeated counts of
the same network do not differ at all."""

MOVED = MappingProxyType({"timed": 0.2, "counted": 0.02, "score": 0.002})
"""Ratios by which a figure may move between two benchmarks of the same network on the same machine
before it is reported. What is timed is compared as a multiple of work that never changes, timed
around it: calls of 10 ms differ by up to 14 % among processes on an idle shared machine, where the
fastest calls differ by up to 73 % (measured). What is counted, and the scores, should not
move at all."""
