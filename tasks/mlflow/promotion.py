"""When a deployed network becomes champion: what it stands for, and the rule it is weighed by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikeseg_core.config import PromotionConfig
from tasks.folder import read_record
from tasks.mlflow.store import KEY_TAG
from tasks.provenance import dataset_facts, dataset_tags
from tasks.references import StageRef

DATA_TAG = "dataset.sha256"
"""Digest of sections, labels and splits: of the same, the validation split is the same."""

SCORES = {name: f"validation/{name}" for name in ("pixel_accuracy", "v_rand", "v_info")}
ENERGY = "energy/loihi_total_mj"
TAGS = {**SCORES, "energy": ENERGY}
"""Figures that decide: by their tolerance's name, the tag that has them."""

WAITING = "waiting"
"""Registered, but not weighed against the champion yet: its energy is not known."""


@dataclass(frozen=True)
class Decision:
    """What became of a version that was weighed against the champion.

    Attributes
    ----------
    state : {"first", "promoted", "kept", "waiting", "by hand"}
        ``kept``: the champion is kept, this one stays challenger.
    reason : str
        In a sentence, with the figures and thresholds that decided.
    """

    state: str
    reason: str

    @property
    def is_champion(self) -> bool:
        """Whether the version takes the champion's place."""
        return self.state in ("first", "promoted", "by hand")


SYNTHETIC = Decision("kept", "its sections are synthetic: only a hand makes it champion")


def decide(
    challenger: Mapping[str, str], champion: Mapping[str, str] | None, rule: PromotionConfig
) -> Decision:
    """Weigh a network against the champion, by what the tags of their versions say.

    Parameters
    ----------
    challenger, champion : mapping of str to str
        Tags as :func:`figures_of` makes them; no champion: None.
    rule : PromotionConfig
        How much worse a figure may be, and how much better one has to be.

    Returns
    -------
    Decision
        ``first``, ``promoted``, ``kept`` or ``waiting``.
    """
    if challenger.get("synthetic") == "true":
        return SYNTHETIC
    if ENERGY not in challenger:
        return Decision(WAITING, "its energy is not known yet: the stage 'benchmark' has to run")
    if champion is None:
        return Decision("first", f"there was no champion; {_told(challenger)}")
    if challenger.get(DATA_TAG) != champion.get(DATA_TAG):
        return Decision(
            "kept",
            f"other data than the champion's ({_data(challenger)}, not {_data(champion)}): their "
            f"scores cannot be compared, and only a hand can decide",
        )
    if unknown := [tag for tag in TAGS.values() if tag not in challenger or tag not in champion]:
        return Decision("kept", f"of one of the two {', '.join(unknown)} is not known")
    return _weighed(challenger, champion, rule)


def _weighed(
    challenger: Mapping[str, str], champion: Mapping[str, str], rule: PromotionConfig
) -> Decision:
    """Compare two networks of the same data, of which everything is known."""
    worse, better = [], []
    for name, tag in TAGS.items():
        new, old, tolerance = float(challenger[tag]), float(champion[tag]), getattr(rule, name)
        # What is gained: a difference of scores; of energies the share that is saved.
        gain = 1 - new / old if name == "energy" else new - old
        if gain < -tolerance:
            worse.append(f"{name} (by {-gain:.2g}, {tolerance:g} is allowed)")
        if gain > rule.gain * tolerance:
            better.append(f"{name} (by {gain:.2g}, {rule.gain * tolerance:.2g} is asked)")
    figures = f"{_told(challenger)}; the champion {_told(champion)}"
    if worse:
        return Decision("kept", f"worse in {', '.join(worse)}: {figures}")
    if not better:
        asked = ", ".join(f"{name} {rule.gain * getattr(rule, name):.2g}" for name in TAGS)
        return Decision("kept", f"better in nothing by enough ({asked}): {figures}")
    return Decision("promoted", f"better in {', '.join(better)}, worse in nothing: {figures}")


def _told(tags: Mapping[str, str]) -> str:
    figures = (
        f"{name} {float(tags[tag]):.4g}" + (" mJ a section" if name == "energy" else "")
        for name, tag in TAGS.items()
        if tag in tags
    )
    return ", ".join(figures)


def _data(tags: Mapping[str, str]) -> str:
    made_up = "synthetic " if tags.get("synthetic") == "true" else ""
    return f"{made_up}{tags.get('dataset.source', '?')} {tags.get(DATA_TAG, '?')[:8]}"


def figures_of(deployed: StageRef, benchmarked: StageRef | None) -> dict[str, str]:
    """Tags that say what a deployed network stands for, its scores on the validation split only."""
    record = read_record(deployed.folder)
    scores = record.outcome.metrics.get("loihi", {})
    found = {tag: scores.get(tag) for tag in SCORES.values()}
    if benchmarked is not None:
        energies = read_record(benchmarked.folder).outcome.metrics.get("benchmark", {})
        found[ENERGY] = energies.get(ENERGY)
    return {
        KEY_TAG: record.key,
        "preset": record.preset,
        **dataset_tags(dataset_facts(deployed.inputs)),
        **{name: repr(value) for name, value in found.items() if value is not None},
    }
