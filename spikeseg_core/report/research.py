"""The research report: the paper's five questions, answered from records alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from spikeseg_core.report.document import (
    SYNTHETIC,
    Cell,
    Document,
    Section,
    Table,
    name_of_data,
)
from spikeseg_core.report.evidence import Evidence, gather, link
from spikeseg_core.report.glossary import glossary
from spikeseg_core.report.questions import QUESTIONS
from spikeseg_core.report.records import RecordedPipeline, Records
from spikeseg_core.report.stated import Code, Name, Printable, Text, Words, say, stated

PAPER = Name(
    "Patel, Hunsberger, Batir, Eliasmith: A Spiking Neural Network for Image Segmentation. "
    "arXiv:2106.08921 (2021). The five questions are this paper's."
)
REFERENCES: tuple[Printable, ...] = (
    PAPER,
    Name(
        "Arganda-Carreras et al.: Crowdsourcing the creation of image segmentation algorithms for "
        "connectomics. Frontiers in Neuroanatomy 9:142 (2015). The ISBI 2012 data, V_Rand, V_Info."
    ),
    Name(
        "Davies et al.: Loihi: A Neuromorphic Manycore Processor with On-Chip Learning. IEEE Micro "
        "38(1) (2018), table 2. The pre-silicon constants; taken from secondary sources."
    ),
    Name(
        "Boyle et al.: SANA-FE. The silicon-fitted constants, taken from the Loihi description in "
        "its code."
    ),
    Name(
        "Blouw et al.: Benchmarking Keyword Spotting Efficiency on Neuromorphic Hardware. "
        "arXiv:1812.01739 (2018), table 1. The published devices."
    ),
)


def build(records: Records, preset: str, chosen: Iterable[str] = ()) -> tuple[Document, Evidence]:
    """Build the report of a preset's runs, or of the chosen runs.

    The same records give the same report.

    Raises
    ------
    ConfigError
        As :func:`spikeseg_core.report.evidence.gather`.
    """
    evidence = gather(records, preset, chosen)
    with TemporaryDirectory() as temporary:
        sections = [each.section(evidence, Path(temporary)) for each in QUESTIONS]
        overview = evidence.overview(Path(temporary))
    sections += [
        glossary(),
        Section("Methods", answer=_methods(evidence), tables=[_runs(evidence)]),
        Section("Limits", points=_limits(evidence)),
        Section("References", points=REFERENCES),
    ]
    document = Document(
        title=say("A segmentation U-Net as spikes on Loihi: five questions, answered"),
        subtitle=_subtitle(evidence),
        sections=sections,
        warning=SYNTHETIC if evidence.first.synthetic else "",
        pictures=overview,
    )
    return document, evidence


def _subtitle(evidence: Evidence) -> Text:
    return say(
        "SpikeSeg, preset {preset}, on {source}; {seeds}; records up to {date}.",
        preset=Code(evidence.preset),
        source=Name(name_of_data(evidence.first.dataset)),
        seeds=stated(
            len(evidence.runs), "set", ".0f", "seed" if len(evidence.runs) == 1 else "seeds"
        ),
        date=Name(_date(evidence.newest)),
    )


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _methods(evidence: Evidence) -> list[Text]:
    first = evidence.first
    settings, dataset = first.settings, first.dataset
    counts = dataset.get("sections", {})

    def sections(split: str) -> Printable | None:
        return stated(counts.get(split), "set", ".0f")

    presentation, tune = settings["presentation"], settings["tune"]
    measured = first.stages["benchmark"].account
    versions = {n: v for n, v in measured["versions"].items() if n not in ("python", "platform")}
    return [
        say(
            "Data: {train} sections for training, {validation} for choosing and {test} for "
            "reporting; nothing was chosen on the test sections. Sections are cut into overlapping "
            "tiles, {axis} along each side, whose results are stitched together. Digest of the "
            "data: {digest}.",
            train=sections("train"),
            validation=sections("validation"),
            test=sections("test"),
            axis=stated(settings["dataset"]["tiles_per_axis"], "set", ".0f"),
            digest=Code(str(dataset.get("sha256", "?"))[:16]),
        ),
        say(
            "Network: {neurons} neurons on chip and {host} on the host, {cores} cores on {chips}, "
            "weights of {bits}.",
            neurons=evidence.state("quantize", "mapping/neurons_on_chip", form=",.0f"),
            host=evidence.state("quantize", "mapping/neurons_off_chip", form=",.0f"),
            cores=evidence.state("partition", "mapping/cores", form=",.0f"),
            chips=evidence.state("partition", "mapping/chips", form=".0f", unit=evidence.chips),
            bits=stated(settings["quantize"]["weight_bits"], "set", ".0f", "bits"),
        ),
        say(
            "Tuning: the percentile {percentile} of each neuron's rate over tiles is kept between "
            "{low} and {high}, for {rates} epochs with rates and {spikes} with spikes in the "
            "forward pass. "
            "Every tile is presented for {steps} of {dt} and read out over the last {window}.",
            low=stated(tune["rate_min_hz"], "set", "g"),
            high=stated(tune["rate_max_hz"], "set", "g", "Hz"),
            percentile=stated(tune["percentile"], "set", "g"),
            rates=stated(tune["epochs"], "set", ".0f"),
            spikes=stated(tune["spiking_epochs"], "set", ".0f"),
            steps=stated(presentation["steps"], "set", ".0f", "steps"),
            dt=stated(1, "set", ".0f", "ms"),
            window=stated(presentation["readout_window"], "set", ".0%"),
        ),
        say(
            "Loihi is emulated with the chips' integers; its energy and time are counted events "
            "times silicon-fitted constants, including the static power of whole chips and their "
            "embedded processors. The CPU runs the ANN with rectified linear units in TensorFlow "
            "Lite: quantized after training with training tiles, best thread count, median after a "
            "warm-up."
        ),
        say(
            "Machine: {machine}. Software: {versions}.",
            machine=_machine(measured["machine"]),
            versions=Name(", ".join(f"{name} {version}" for name, version in versions.items())),
        ),
    ]


def _machine(facts: Mapping[str, str]) -> Printable:
    if not facts:
        return Words("not recorded")
    return say(
        "{processor}, {cores}, {memory}, {system}, fingerprint {fingerprint}",
        processor=Name(facts["machine.processor"]),
        cores=stated(float(facts["machine.cores"]), "measured", ".0f", "cores"),
        memory=stated(float(facts["machine.memory_gib"]), "measured", ".0f", "GiB"),
        system=Name(facts["machine.system"]),
        fingerprint=Code(facts["machine.fingerprint"]),
    )


def _spread(evidence: Evidence) -> Text:
    """State the spread over the seeds, if there are several."""
    scores = evidence.values("loihi", "test/v_rand")
    if len(scores) < 2:
        return say("One seed: the spread between trainings is not known.")
    return say(
        "The {count} differ by up to {spread} in V_Rand on the chips: smaller differences between "
        "networks are not significant.",
        count=stated(len(scores), "set", ".0f", "seeds"),
        spread=stated(max(scores) - min(scores), "measured"),
    )


def _limits(evidence: Evidence) -> list[Text]:
    return [
        say(
            "No neuromorphic hardware was available: accuracy comes from an emulator, energy "
            "from a model."
        ),
        _spread(evidence),
        say(
            "One dataset with few sections of one kind of tissue; much of the remaining pixel "
            "error comes from boundaries that are off by one pixel."
        ),
        say(
            "Constants and figures of published devices come from secondary sources or from code, "
            "as noted in the references."
        ),
    ]


def _runs(evidence: Evidence) -> Table:
    rows: list[list[Cell]] = [
        [
            Name("this report" if run in evidence.runs else "compared"),
            Code(run.preset),
            Code(", ".join(f"{part} {seed}" for part, seed in run.seeds.items())),
            link(run.run),
            Code(_commit(run)),
            Name(_date(run.run.ended)),
        ]
        for run in evidence.all_runs
    ]
    return Table(
        caption=say("Pipeline runs used in this report."),
        heading=["used as", "preset", "seeds", "run", "commit", "ended"],
        rows=rows,
    )


def _commit(run: RecordedPipeline) -> str:
    commits = dict.fromkeys(
        str(stage.run.tags.get("git.commit", "?"))[:8] for stage in run.stages.values()
    )
    return ", ".join(commits)
