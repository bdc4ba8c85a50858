"""Comparison of runs: differences in settings, data, code and results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from spikeseg_core.report.document import Table, four_digits

SHOWN = re.compile(
    r"/test/(pixel_accuracy|membrane_iou|v_rand|v_info)$|/spikes/(mean_rate_hz|share_in_range)$"
    r"|/mapping/(cores|chips)$|/energy/(loihi|cpu_int8)_(total|dynamic)_mj$|(^|/)minutes$"
)
"""Main results."""

TIMED = re.compile(r"/energy/(cpu|gpu|ratio_|least_ratio_|loihi_.*with_host)")
"""Results that depend on how fast this machine was."""

_DIGEST = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True)
class ComparedRun:
    """One run, with all that is compared.

    Attributes
    ----------
    about : mapping of str to str
        Kind, state and start of the run.
    settings : mapping of str to str
        By dotted name.
    data, code : mapping of str to str
        Identity of the sections, and of the code and packages.
    metrics : mapping of str to float
        ``<segmentation or stage>/<metric>``, including those of its stages.
    """

    id: str
    name: str
    about: Mapping[str, str]
    settings: Mapping[str, str]
    data: Mapping[str, str]
    code: Mapping[str, str]
    metrics: Mapping[str, float]

    def disturbed(self, result: str) -> bool:
        """Whether other work on the machine disturbed a result."""
        return bool(self.metrics.get("benchmark/busy")) and bool(TIMED.search(result))


Differences = dict[str, dict[str, list[Any]]]
"""Values in the order of the runs, by part (settings, data, code, results) and name."""


def differences(runs: Sequence[ComparedRun], everything: bool = False) -> Differences:
    """Return the differences between runs, and all results even if they are equal.

    Parameters
    ----------
    everything : bool
        All results instead of only the main ones.
    """
    results = _values(runs, lambda run: run.metrics)
    return {
        "settings": _differing(runs, lambda run: run.settings),
        "data": _differing(runs, lambda run: run.data),
        "code": _differing(runs, lambda run: run.code),
        "results": {n: v for n, v in results.items() if everything or SHOWN.search(n)},
    }


def _values(
    runs: Sequence[ComparedRun], part: Callable[[ComparedRun], Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Values by name, in the order of the runs; None where a run has none."""
    names = dict.fromkeys(name for run in runs for name in part(run))
    return {name: [part(run).get(name) for run in runs] for name in names}


def _differing(
    runs: Sequence[ComparedRun], part: Callable[[ComparedRun], Mapping[str, Any]]
) -> dict[str, list[Any]]:
    return {name: values for name, values in _values(runs, part).items() if len(set(values)) > 1}


def comparison_table(runs: Sequence[ComparedRun], found: Differences) -> Table:
    """Tabulate the runs, one per column; for two runs also the change of every result."""
    two = len(runs) == 2
    rows = [[name, *(run.about[name] for run in runs)] for name in runs[0].about]
    for part, values in found.items():
        rows.append([part.upper(), *("" if values else "the same" for _ in runs)])
        for name, each in values.items():
            busy = [run.disturbed(name) for run in runs] if part == "results" else []
            change = (
                [] if not (two and part == "results") else [_change(each[0], each[1], any(busy))]
            )
            told = [f"{_text(v)} (busy)" if b else _text(v) for v, b in zip_longest(each, busy)]
            rows.append([f"  {name}", *told, *change])
    heading = ["", *(f"{run.name}\n{run.id[:8]}" for run in runs), *(["change"] if two else [])]
    return Table(heading, [[*row, *[""] * (len(heading) - len(row))] for row in rows])


def _change(before: float | None, after: float | None, busy: bool) -> str:
    if before is None or after is None:
        return ""
    if busy:
        return "not compared"
    if before == after:
        return "="
    ratio = f" ({after / before:.2f} x)" if before > 0 and abs(after / before - 1) > 0.1 else ""
    return f"{after - before:+.4g}{ratio}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return four_digits(value)
    # The start of a digest is enough.
    return str(value)[:12] if _DIGEST.fullmatch(str(value)) else str(value)
