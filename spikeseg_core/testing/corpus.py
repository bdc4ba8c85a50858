"""The conformance corpus: small networks in integers, and the spikes they have to make.

Each case is a folder with ``integer_network.npz`` and ``.json`` (see
:class:`~spikeseg_core.loihi.integer_network.IntegerNetwork`) and ``spikes.npz``; ``cases.json``
says what each pins down. NengoLoihi's emulator made the spikes
(:mod:`spikeseg_core.testing.generate`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.testing.reader import read_case

CASES = Path(__file__).parent / "cases"
INDEX = "cases.json"


@dataclass(frozen=True)
class Case:
    """One case of the corpus.

    Attributes
    ----------
    name : str
    rule : str
        The rule of the chip that it pins down.
    about : str
        What happens in it.
    folder : Path
    """

    name: str
    rule: str
    about: str
    folder: Path = CASES

    @property
    def path(self) -> Path:
        """Folder of the case."""
        return self.folder / self.name

    @cached_property
    def network(self) -> IntegerNetwork:
        """The network."""
        return IntegerNetwork.load(self.path)

    @property
    def inputs(self) -> list[np.ndarray]:
        """Spikes sent by the host, ``(n_steps, neurons)`` uint8 each."""
        return read_case(self.path)[1]

    @property
    def spikes(self) -> np.ndarray:
        """Spikes to make, ``(n_steps, compartments)`` uint8, block after block."""
        return read_case(self.path)[2]


Engine = Callable[[IntegerNetwork, Sequence[np.ndarray], int], np.ndarray]
"""``engine(network, inputs, n_steps)`` returns ``(n_steps, compartments)`` of 0 and 1."""


def cases(folder: Path = CASES) -> list[Case]:
    """All cases, in the order of ``cases.json``."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return [Case(**entry, folder=folder) for entry in index]


def difference(case: Case, engine: Engine) -> str | None:
    """Run a case; say where the spikes first differ, or return None if they do not."""
    expected = case.spikes.astype(bool)
    made = np.asarray(engine(case.network, case.inputs, expected.shape[0])).astype(bool)
    if made.shape != expected.shape:
        return f"{case.name}: spikes have shape {made.shape}, expected {expected.shape}"
    if (made == expected).all():
        return None
    step, compartment = np.argwhere(made != expected)[0]
    verb = "does not spike" if expected[step, compartment] else "spikes"
    return f"{case.name} ({case.rule}): compartment {compartment} {verb} in step {step}"
