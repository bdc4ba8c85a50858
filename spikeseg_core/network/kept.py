"""Networks that a training starts from, kept in the cache under the digest of their weights.

A setting names them by what they are, so that the same settings always mean the same start.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spikeseg_core.errors import ConfigError
from spikeseg_core.network.description import Network, Weights, load_network, save_network
from spikeseg_core.storage import cache_folder


def keep(network: Network, weights: Weights) -> str:
    """Keep a network for later trainings, and return the sha256 of its weights."""
    save_network(_folder(weights.sha256), network, weights)
    return weights.sha256


def kept(sha256: str, network: Network) -> Weights:
    """Return kept weights for a network of this architecture.

    Raises
    ------
    ConfigError
        If they are not kept here, are damaged, or belong to another architecture.
    """
    folder = _folder(sha256)
    if not folder.is_dir():
        raise ConfigError(
            f"the weights {sha256[:12]}... that the training starts from are not in "
            f"{folder.parent}; `spikeseg run --from MODEL` puts those of a registered model there"
        )
    found, weights = load_network(folder)
    refuse_other(found, network)
    if weights.sha256 != sha256:
        raise ConfigError(f"{folder} holds the weights {weights.sha256[:12]}...; delete it")
    return weights


def refuse_other(found: Network, wanted: Network) -> None:
    """Raise a ConfigError if two networks differ in more than their names."""
    if replace(found, name=wanted.name) != wanted:
        raise ConfigError(
            f"the training is to start from a network {found.name!r}, but trains {wanted.name!r}; "
            f"choose the preset or --set train.network={found.name} that the model was made with"
        )


def _folder(sha256: str) -> Path:
    return cache_folder() / "networks" / sha256
