"""Presets: architectures and whole configurations, as data."""

from __future__ import annotations

from spikeseg_core.architectures import CANDIDATES
from spikeseg_core.config import (
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import IMAGE, Connection, Layer, Network


def _up(source: str, skip: str) -> tuple[Connection, ...]:
    """One step up the U: a merged upsampling convolution, summed with the skip's convolution."""
    return (
        Connection(source, kind="conv_transpose", kernel=4, stride=2),
        Connection(skip, kernel=3),
    )


def _down(source: str) -> tuple[Connection, ...]:
    return (Connection(source, kernel=3, stride=2),)


def _same(source: str) -> tuple[Connection, ...]:
    return (Connection(source, kernel=3),)


def _stem(channels: int) -> Layer:
    """Return the first layer, on the host: it turns pixels into the spikes the chip receives."""
    return Layer("stem", channels, (Connection(IMAGE, kernel=8, stride=4),), on_chip=False)


QUICK_NETWORK = Network(
    name="quick",
    tile=192,
    layers=(
        _stem(16),
        Layer("down1", 24, _down("stem")),
        Layer("down2", 32, _down("down1")),
        Layer("up1", 24, _up("down2", "down1")),
        Layer("up0", 16, _up("up1", "stem")),
    ),
    readout=Connection("up0", kind="conv_transpose", kernel=8, stride=4),
)

# 235,008 neurons on chip, in 243 cores with the tiles that need fewest: 13 are left for mapping.
# The three ensembles of 48 x 48 hold 72 % of the neurons in full cores of 1,024 compartments, which
# pays for the narrow middle, where synapse memory runs out before compartments do.
PAPER_NETWORK = Network(
    name="paper",
    tile=192,
    layers=(
        _stem(24),
        Layer("enc0", 24, _same("stem")),
        Layer("enc1", 32, _down("enc0")),
        Layer("enc2", 48, _down("enc1")),
        Layer("enc2b", 48, _same("enc2")),
        Layer("enc3", 64, _down("enc2b")),
        Layer("enc3b", 64, _same("enc3")),
        Layer("dec2", 32, _up("enc3b", "enc2b")),
        Layer("dec1", 24, _up("dec2", "enc1")),
        Layer("dec1b", 24, _same("dec1")),
        Layer("dec0", 28, _up("dec1b", "enc0")),
        Layer("dec0b", 20, _same("dec0")),
    ),
    readout=Connection("dec0b", kind="conv_transpose", kernel=8, stride=4),
)

NETWORKS: dict[str, Network] = {n.name: n for n in (QUICK_NETWORK, PAPER_NETWORK)}
"""Networks of the presets; :data:`spikeseg_core.architectures.CANDIDATES` can be named too."""

PRESETS: dict[str, PipelineConfig] = {
    "quick": PipelineConfig(
        preset="quick",
        train=TrainConfig(network="quick", epochs=45),
        tune=TuneConfig(epochs=6, spiking_epochs=2),
    ),
    "paper": PipelineConfig(
        preset="paper",
        train=TrainConfig(network="paper", epochs=75),
        tune=TuneConfig(
            epochs=4,
            spiking_epochs=9,
            spiking_steps=(50, 100),
            spiking_learning_rate=2e-4,
            mixed_tiles=1,
            synop_weight=0.003,
            initial_rate_hz=150,
        ),
        presentation=PresentationConfig(readout_window=0.7),
        quantize=QuantizeConfig(population_type=32),
    ),
}


def preset(name: str) -> PipelineConfig:
    """Return the configuration of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def network(name: str) -> Network:
    """Return the architecture of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    known = {candidate.name: candidate for candidate in CANDIDATES} | NETWORKS
    if name not in known:
        raise ConfigError(f"unknown network {name!r}; there are {', '.join(NETWORKS)}")
    return known[name]
