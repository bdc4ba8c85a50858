"""All files that stages write: name, writer and readers.

Names come from here, so that no stage imports another. A stage gets the folders of earlier stages
and reads only what this table says (the contract test gives it folders with nothing else). Pictures
are not in the table: :mod:`spikeseg_core.figures.stages` draws them from these files, and nothing
reads them.

The digests of code ignore this module; the names that a stage writes are in its key by value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikeseg_core.loihi.integer_network import ARRAYS_FILE, NAMES_FILE
from spikeseg_core.network.description import NETWORK_FILE, WEIGHTS_FILE

Kind = Literal["arrays", "table", "json", "keras"]
"""Type of a file: npz without pickle, Parquet, JSON, or Keras' own format."""

# Names of data/dataset.py, whose readers of images take seconds to import.
SECTIONS_FILE, MANIFEST_FILE, FACTS_FILE = "sections.npz", "manifest.parquet", "dataset.json"
UNLABELLED_FILE = "unlabelled.npz"
MODEL = "model.keras"
HISTORY = "history.parquet"
RATES = "rates.npz"
MAPPING = "mapping.json"
INTEGER = "integer"
"""Folder of the integer network."""
CORES = "cores.parquet"
PLACEMENT = "placement.json"
STRATEGIES = "strategies.parquet"
BLOCKS = "blocks.parquet"
EVENTS = "events.npz"
BOARD_ENERGY = "board_energy.json"
PRESENTATIONS = "presentations.parquet"
PRESENTED_EVENTS = "presentations.npz"
ANYTIME = "anytime.parquet"
ENERGY = "energy.json"
ENERGY_TABLE = "energy.parquet"
IDLE = "idle.parquet"
OPERATING_POINTS = "operating_points.parquet"
PRESENTED_SECTIONS = "presentation_sections.parquet"
SECTION_SCORES = "section_scores.parquet"
"""Scores of single sections, by what segmented them."""


def probability(tag: str) -> str:
    """Name of the file of membrane probabilities of the test sections."""
    return f"probability_{tag}.npz"


def rates_by_layer(tag: str = "") -> str:
    """Name of the table of spike rates per layer; with a tag if a stage has two."""
    return f"rates_{tag}.parquet" if tag else "rates.parquet"


def rates_by_neuron(tag: str = "") -> str:
    """Name of the table of spike rates per neuron."""
    return rates_by_layer(tag).replace(".parquet", "_neurons.parquet")


@dataclass(frozen=True)
class Artifact:
    """One file in a stage's folder.

    Attributes
    ----------
    readers : tuple of str
        Stages that read it; files without readers are for people, pictures and the report.
    note : bool
        Whether it may change without changing any reader's numbers, like a note on the source.
    """

    name: str
    writer: str
    kind: Kind
    meaning: str
    readers: tuple[str, ...] = ()
    note: bool = False
    optional: bool = False


_SEGMENTING = ("train", "tune", "convert", "deploy", "benchmark")
_TUNED = ("convert", "quantize", "partition", "deploy", "benchmark")
_INTEGER = ("deploy", "benchmark")

_PROBABILITY = "membrane probability of the test sections, (sections, height, width)"
_BY_LAYER = "spike rates in Hz, a row per layer"
_BY_NEURON = "spike rates in Hz over the test tiles, a row per neuron"
_BY_SECTION = "scores at the thresholds chosen on validation, a row per segmentation and section"

ARTIFACTS: tuple[Artifact, ...] = (
    Artifact(SECTIONS_FILE, "prepare", "arrays", "sections and labels", _SEGMENTING),
    Artifact(FACTS_FILE, "prepare", "json", "splits, tiles, source", _SEGMENTING, note=True),
    Artifact(
        UNLABELLED_FILE,
        "prepare",
        "arrays",
        "sections without labels, if there are any",
        ("train", "tune"),
        optional=True,
    ),
    Artifact(MANIFEST_FILE, "prepare", "table", "a row per section"),
    Artifact(NETWORK_FILE, "train", "json", "layers of the ANN", ("tune", "benchmark")),
    Artifact(WEIGHTS_FILE, "train", "arrays", "weights of the ANN", ("tune", "benchmark")),
    Artifact(MODEL, "train", "keras", "the ANN as a model of Keras"),
    Artifact(HISTORY, "train", "table", "losses and scores, a row per epoch"),
    Artifact(probability("ann"), "train", "arrays", _PROBABILITY),
    Artifact(NETWORK_FILE, "tune", "json", "layers of the tuned network", _TUNED),
    Artifact(WEIGHTS_FILE, "tune", "arrays", "weights of the tuned network", _TUNED),
    Artifact(
        MAPPING,
        "tune",
        "json",
        "tiles that tuning rounded weights for",
        ("quantize", "deploy"),
        optional=True,
    ),
    Artifact(SECTION_SCORES, "train", "table", _BY_SECTION),
    Artifact(MODEL, "tune", "keras", "the tuned network as a model of Keras"),
    Artifact(HISTORY, "tune", "table", "losses and scores, a row per epoch"),
    *(
        artifact
        for tag in ("ann_loihi_curve", "rate_tuned")
        for artifact in (
            Artifact(probability(tag), "tune", "arrays", _PROBABILITY),
            Artifact(rates_by_layer(tag), "tune", "table", _BY_LAYER),
            Artifact(rates_by_neuron(tag), "tune", "table", _BY_NEURON),
        )
    ),
    Artifact(SECTION_SCORES, "tune", "table", _BY_SECTION),
    Artifact(
        RATES,
        "convert",
        "arrays",
        "mean spike rate in Hz of every neuron over the validation tiles, by layer",
        ("quantize", "partition", "benchmark"),
    ),
    Artifact(probability("snn_rate"), "convert", "arrays", _PROBABILITY),
    Artifact(probability("snn_spiking"), "convert", "arrays", _PROBABILITY),
    Artifact(SECTION_SCORES, "convert", "table", _BY_SECTION),
    Artifact(rates_by_layer(), "convert", "table", _BY_LAYER),
    Artifact(rates_by_neuron(), "convert", "table", _BY_NEURON),
    Artifact(
        MAPPING,
        "quantize",
        "json",
        "tiles, population type, weight bits and chips",
        ("partition", "deploy", "benchmark"),
    ),
    Artifact(f"{INTEGER}/{ARRAYS_FILE}", "quantize", "arrays", "the integer network", _INTEGER),
    Artifact(f"{INTEGER}/{NAMES_FILE}", "quantize", "json", "names of its parts", _INTEGER),
    Artifact(CORES, "quantize", "table", "use and rounding of the cores, a row per layer"),
    Artifact(PLACEMENT, "partition", "json", "chip and core of every block", _INTEGER),
    Artifact(STRATEGIES, "partition", "table", "results of each strategy"),
    Artifact(BLOCKS, "partition", "table", "a row per core: what it holds, where it is"),
    Artifact(probability("loihi"), "deploy", "arrays", _PROBABILITY, ("benchmark",)),
    Artifact(SECTION_SCORES, "deploy", "table", _BY_SECTION, ("benchmark",)),
    Artifact(
        EVENTS,
        "deploy",
        "arrays",
        "events of the test split, counted or expected from the rates",
        ("benchmark",),
        optional=True,
    ),
    Artifact(
        BOARD_ENERGY,
        "deploy",
        "json",
        "reading of the board's energy probe for each tile; only from hardware",
        ("benchmark",),
        optional=True,
    ),
    Artifact(rates_by_layer(), "deploy", "table", _BY_LAYER, optional=True),
    Artifact(rates_by_neuron(), "deploy", "table", _BY_NEURON, optional=True),
    Artifact(
        PRESENTATIONS,
        "deploy",
        "table",
        "every way of presenting tiles that was tried, with its scores",
        ("benchmark",),
        optional=True,
    ),
    Artifact(
        PRESENTED_EVENTS,
        "deploy",
        "arrays",
        "events of the longest presentations, step by step, and when each tile of each way ended",
        ("benchmark",),
        optional=True,
    ),
    Artifact(
        PRESENTED_SECTIONS,
        "deploy",
        "table",
        "scores of every section at every way of presenting tiles that was tried",
        ("benchmark",),
        optional=True,
    ),
    Artifact(ENERGY, "benchmark", "json", "all figures, ratios and facts"),
    Artifact(ENERGY_TABLE, "benchmark", "table", "a row per energy figure"),
    Artifact(IDLE, "benchmark", "table", "ratios under every accounting of static power"),
    Artifact(OPERATING_POINTS, "benchmark", "table", "accuracy against energy", optional=True),
    Artifact(SECTION_SCORES, "benchmark", "table", _BY_SECTION, optional=True),
    Artifact(ANYTIME, "benchmark", "table", "scores and energy by time shown", optional=True),
)

NOT_CONTENT = frozenset(
    artifact.name
    for artifact in ARTIFACTS
    if not any(
        other.readers and not other.note for other in ARTIFACTS if other.name == artifact.name
    )
)
"""Names of files that no stage's numbers depend on."""


def written_by(stage: str) -> tuple[Artifact, ...]:
    """Return the files that the stage writes."""
    return tuple(artifact for artifact in ARTIFACTS if artifact.writer == stage)


def read_by(stage: str) -> tuple[Artifact, ...]:
    """Return the files of other stages that the stage reads."""
    return tuple(artifact for artifact in ARTIFACTS if stage in artifact.readers)
