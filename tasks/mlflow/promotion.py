"""The rule by which a deployed network becomes champion, and the figures that it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikeseg_core.config import PromotionConfig
from tasks.folder import read_record
from tasks.mlflow.store import KEY_TAG
from tasks.provenance import dataset_facts, dataset_tags
from tasks.references import StageRef

DATA_TAG = "dataset.sha256"
"""Digest of sections, labels and splits; if it is equal, so is the validation split."""

SCORES = {name: f"validation/{name}" for name in ("pixel_accuracy", "v_rand", "v_info")}
ENERGY = "energy/loihi_total_mj"
TAGS = {**SCORES, "energy": ENERGY}
"""Tags of the figures that decide, by the name of their tolerance."""

BUSY = "benchmark.busy"
"""Tag: 1 if other work disturbed the benchmark."""

WAITING = "waiting"
"""Registered, but not compared with the champion yet, because its energy is not known."""


@dataclass(frozen=True)
class Decision:
    """The outcome of comparing a version with the champion."""

    state: str
    """``first``, ``promoted``, ``kept`` (the champion stays), ``waiting`` or ``by hand``."""
    reason: str
    """A sentence with the figures and thresholds that decided."""

    @property
    def is_champion(self) -> bool:
        """Whether the version takes the champion's place."""
        return self.state in ("first", "promoted", "by hand")


SYNTHETIC = Decision("kept", "its sections are synthetic, so it can become champion only by hand")


def decide(
    challenger: Mapping[str, str], champion: Mapping[str, str] | None, rule: PromotionConfig
) -> Decision:
    """Compare a network with the champion by the tags of their versions.

    Parameters
    ----------
    challenger, champion : mapping of str to str
        Tags from :func:`figures_of`; ``champion`` is None if there is none.
    rule : PromotionConfig
        How much worse a figure may be, and how much better one has to be.
    """
    if challenger.get("synthetic") == "true":
        return SYNTHETIC
    if float(challenger.get(BUSY, 0)) or ENERGY not in challenger:
        why = "its energy is not known until the stage 'benchmark' has run on an idle machine"
        return Decision(WAITING, why)
    if champion is None:
        return Decision("first", f"there was no champion; {_told(challenger)}")
    if challenger.get(DATA_TAG) != champion.get(DATA_TAG):
        return Decision(
            "kept",
            f"different data from the champion's ({_data(challenger)}, not {_data(champion)}): the "
            f"scores cannot be compared, so only a person can decide",
        )
    if unknown := [tag for tag in TAGS.values() if tag not in challenger or tag not in champion]:
        return Decision("kept", f"one of the two has no {', '.join(unknown)}")
    return _weighed(challenger, champion, rule)


def _weighed(
    challenger: Mapping[str, str], champion: Mapping[str, str], rule: PromotionConfig
) -> Decision:
    """Compare two networks on the same data with all figures known."""
    worse, better = [], []
    for name, tag in TAGS.items():
        new, old, tolerance = float(challenger[tag]), float(champion[tag]), getattr(rule, name)
        # The gain is a difference of scores, or the share of energy that is saved.
        gain = 1 - new / old if name == "energy" else new - old
        if gain < -tolerance:
            worse.append(f"{name} (by {-gain:.2g}, {tolerance:g} is allowed)")
        if gain > rule.gain * tolerance:
            better.append(f"{name} (by {gain:.2g}, {rule.gain * tolerance:.2g} is required)")
    figures = f"{_told(challenger)}; the champion {_told(champion)}"
    if worse:
        return Decision("kept", f"worse in {', '.join(worse)}: {figures}")
    if not better:
        required = ", ".join(f"{name} {rule.gain * getattr(rule, name):.2g}" for name in TAGS)
        return Decision("kept", f"no figure is better by enough ({required}): {figures}")
    return Decision("promoted", f"better in {', '.join(better)}, worse in none: {figures}")


def _told(tags: Mapping[str, str]) -> str:
    figures = (
        f"{name} {float(tags[tag]):.4g}" + (" mJ per section" if name == "energy" else "")
        for name, tag in TAGS.items()
        if tag in tags
    )
    return ", ".join(figures)


def _data(tags: Mapping[str, str]) -> str:
    made_up = "synthetic " if tags.get("synthetic") == "true" else ""
    return f"{made_up}{tags.get('dataset.source', '?')} {tags.get(DATA_TAG, '?')[:8]}"


def figures_of(deployed: StageRef, benchmarked: StageRef | None) -> dict[str, str]:
    """Tags of a deployed network: data, energy, and scores on the validation split only."""
    record = read_record(deployed.folder)
    scores = record.outcome.metrics.get("loihi", {})
    found = {tag: scores.get(tag) for tag in SCORES.values()}
    if benchmarked is not None:
        energies = read_record(benchmarked.folder).outcome.metrics.get("benchmark", {})
        found |= {ENERGY: energies.get(ENERGY), BUSY: energies.get("busy")}
    return {
        KEY_TAG: record.key,
        "preset": record.preset,
        **dataset_tags(dataset_facts(deployed.inputs)),
        **{name: repr(value) for name, value in found.items() if value is not None},
    }
