"""What each picture of a run shows, in a sentence, and where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spikeseg_core.figures.style import NARROW
from spikeseg_core.report.document import Picture, Section
from spikeseg_core.report.embed import data_uri
from spikeseg_core.stages import table as registry

_SECTION = (
    "The first test section, its truth, the membrane probability of the {network}, and what it "
    "found, missed and reported where there is no membrane."
)
_RATES = (
    "How many neurons of each layer fire how fast{where}: the share of neurons on a logarithmic "
    "axis, the target range shaded. Rates come in steps, because a neuron spikes after a whole "
    "number of time steps."
)
_NETWORKS = {
    "ann": "ANN",
    "ann_loihi_curve": "ANN with Loihi's rate curve",
    "rate_tuned": "rate-tuned ANN",
    "snn_rate": "spiking network, run with rates",
    "snn_spiking": "spiking network",
    "loihi": "integer network on the chip",
}

CAPTIONS: Mapping[tuple[str, str], str] = {
    ("run", "overview"): (
        "The first test section, its truth, and the membrane that the ANN and the chip found in "
        "it: the darker, the more certain."
    ),
    ("run", "waterfall"): (
        "Each score after every step from the ANN to the chip, on the test sections, and its "
        "change (of unrounded scores): to the left a loss, to the right a gain. The shaded range "
        "is the loss that is tolerated; axes are enlarged."
    ),
    ("prepare", "sections"): (
        "Prepared sections with their labelled membrane, to check that they belong together."
    ),
    ("train", "training"): "Loss and pixel accuracy of the ANN in every epoch of its training.",
    ("tune", "tuning"): (
        "Losses, accuracy and synaptic operations per neuron in every epoch of the tuning; where "
        "they jump, the epochs with spikes begin."
    ),
    ("tune", "rates_rate_tuned"): _RATES.format(where=" after tuning (dotted: before)"),
    ("tune", "rates_ann_loihi_curve"): _RATES.format(where=" before tuning"),
    ("convert", "rates"): _RATES.format(where=" in the converted network"),
    ("deploy", "rates"): _RATES.format(where=" on the emulated chip"),
    ("partition", "layers"): (
        "Every layer on the chips, rows x columns x channels, cut into its cores, coloured by "
        "chip; parts of the channels lie side by side."
    ),
    ("partition", "mesh"): (
        "The routers of each chip, coloured by what their cores send to other cores, and the "
        "traffic on the links between them. The palest are not used, or send to the host alone."
    ),
    ("partition", "chip_traffic"): "Traffic from chip to chip; the diagonal stays on its chip.",
    ("benchmark", "energy"): (
        "Energy per section of every device, on a logarithmic axis. Grey figures were published "
        "for another, much smaller network."
    ),
    ("benchmark", "tornado"): (
        "How far the ratio of the CPU's energy to Loihi's moves when one unknown at a time is "
        "set to the ends of its range; Loihi at its operating point, if there is one."
    ),
    ("benchmark", "operating_points"): (
        "Accuracy against energy for every way of presenting the tiles. The front and the choice "
        "use validation only; what is chosen has to be as good in every score, and so have all "
        "longer presentations of its kind."
    ),
    ("benchmark", "anytime"): "Scores and energy when it is read out after fewer or more steps.",
    **{
        (stage, f"sections_{tag}"): _SECTION.format(network=_NETWORKS[tag])
        for stage, tag in (
            ("train", "ann"),
            ("tune", "ann_loihi_curve"),
            ("tune", "rate_tuned"),
            ("convert", "snn_rate"),
            ("convert", "snn_spiking"),
            ("deploy", "loihi"),
        )
    },
}
"""By stage (or ``run``) and name of the file."""


class Gallery:
    """The pictures of a run, embedded; each is taken out once.

    Parameters
    ----------
    files : mapping of str to sequence of Path
        PNG files by stage, and of the whole run as ``run``; missing files are skipped.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]]) -> None:
        found = {
            (stage, path.stem): path
            for stage, paths in files.items()
            for path in paths
            if path.is_file()
        }
        with ThreadPoolExecutor() as pool:
            uris = dict(zip(found, pool.map(data_uri, found.values()), strict=True))
        self._left = {
            key: Picture(uri, _caption(*key), narrow=uris.get((key[0], key[1] + NARROW), ""))
            for key, uri in uris.items()
            if not key[1].endswith(NARROW)
        }

    def take(self, stage: str, *names: str) -> list[Picture]:
        """Take these pictures of a stage, as far as they exist."""
        found = (self._left.pop((stage, name), None) for name in names)
        return [picture for picture in found if picture is not None]

    def rest(self) -> list[Section]:
        """Take what is left, one part per stage."""
        parts: dict[str, list[Picture]] = {}
        for (stage, _), picture in self._left.items():
            parts.setdefault(stage, []).append(picture)
        self._left = {}
        return [Section(f"Pictures of stage {stage}", pictures=p) for stage, p in parts.items()]


def _caption(stage: str, name: str) -> str:
    title = registry.stage(stage).title if stage in registry.STAGES else stage
    return CAPTIONS.get((stage, name), f"A picture that the stage “{title}” drew.")
