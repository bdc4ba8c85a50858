"""Read a case of the conformance corpus: json and numpy, nothing else. Copy it to test yours."""

import json
from pathlib import Path
from typing import Any

import numpy as np


def read_case(folder: Path) -> tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray]:
    """Return a network as plain arrays, the spikes sent to it, and the spikes it has to make.

    Returns
    -------
    network : dict of str to ndarray
        As described by :class:`spikeseg_core.loihi.integer_network.IntegerNetwork`.
    inputs : list of (n_steps, neurons) uint8
        One array per input; 1 is a spike that the host sends in that step. It arrives one step
        later, as do the spikes of compartments.
    spikes : (n_steps, compartments) uint8
        Spikes of all compartments, block after block.
    """
    network = dict(np.load(folder / "integer_network.npz", allow_pickle=False))
    trains = np.load(folder / "spikes.npz", allow_pickle=False)
    return network, [trains[f"input{i}"] for i in range(len(trains) - 1)], trains["spikes"]


def read_names(folder: Path) -> dict[str, Any]:
    """Names of the case's populations and blocks, the length of a step and the digest."""
    return dict(json.loads((folder / "integer_network.json").read_text(encoding="utf-8")))
