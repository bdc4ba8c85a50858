"""The whole report, from the records alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.report import SYNTHETIC
from flows.research import accuracy, partitioning, quantization, rates_and_spikes, tradeoff
from flows.research.content import Cell, Report, Table
from flows.research.evidence import Evidence, gather
from flows.research.stated import Code, Link, Name, Printable, Text, Words, say, stated
from tasks.local.machine import FINGERPRINT
from tasks.mlflow.reader import RecordedPipeline, Records
from tasks.provenance import PACKAGES, is_synthetic

QUESTIONS = (accuracy, tradeoff, partitioning, quantization, rates_and_spikes)
"""A module for each of the paper's questions, in their order."""

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
        "38(1) (2018), table 2. The pre-silicon constants; read in secondary sources."
    ),
    Name(
        "Boyle et al.: SANA-FE. The silicon-fitted constants, as its Loihi description has them; "
        "read in its code."
    ),
    Name(
        "Blouw et al.: Benchmarking Keyword Spotting Efficiency on Neuromorphic Hardware. "
        "arXiv:1812.01739 (2018), table 1. The published devices."
    ),
)


def build(records: Records, preset: str, chosen: Iterable[str] = ()) -> tuple[Report, Evidence]:
    """Build the report of a preset's runs, or of the runs chosen.

    Nothing but the records is read, so the same records give the same report.

    Raises
    ------
    ConfigError
        As :func:`flows.research.evidence.gather`.
    """
    evidence = gather(records, preset, chosen)
    with TemporaryDirectory() as temporary:
        sections = [each.section(evidence, Path(temporary)) for each in QUESTIONS]
    synthetic = is_synthetic(evidence.first.stages["prepare"].facts)
    report = Report(
        title=say("A segmentation U-Net as spikes on Loihi: five questions, answered"),
        subtitle=_subtitle(evidence),
        warning=SYNTHETIC if synthetic else "",
        sections=sections,
        methods=_methods(evidence),
        limits=_limits(evidence),
        runs=_runs(evidence),
        references=REFERENCES,
    )
    return report, evidence


def _subtitle(evidence: Evidence) -> Text:
    facts = evidence.first.stages["prepare"].facts
    return say(
        "SpikeSeg, preset {preset}, on {source}; {seeds}; records up to {date}.",
        preset=Code(evidence.preset),
        source=Name(str(facts.get("note") or facts.get("source", "?")).split(",")[0]),
        seeds=stated(
            len(evidence.runs), "set", ".0f", "seed" if len(evidence.runs) == 1 else "seeds"
        ),
        date=Name(_date(evidence.newest)),
    )


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _methods(evidence: Evidence) -> list[Text]:
    first = evidence.first
    settings, dataset = first.settings, first.stages["prepare"].facts
    counts = dataset.get("sections", {})

    def sections(split: str) -> Printable | None:
        return stated(counts.get(split), "set", ".0f")

    presentation, tune = settings["presentation"], settings["tune"]
    machine = first.stages["benchmark"].record.machine
    versions = first.stages["benchmark"].record.versions
    return [
        say(
            "Data: {train} sections to train on, {validation} to choose on and {test} to report; "
            "nothing was chosen on the test sections. Sections are cut into overlapping tiles, "
            "{axis} along each side, and the tiles' results stitched. Digest of the data: "
            "{digest}.",
            train=sections("train"),
            validation=sections("validation"),
            test=sections("test"),
            axis=stated(settings["dataset"]["tiles_per_axis"], "set", ".0f"),
            digest=Code(str(dataset.get("sha256", "?"))[:16]),
        ),
        say(
            "Network: {neurons} neurons on chip and {host} on the host, {cores} cores of {chips} "
            "chips, weights of {bits}.",
            neurons=evidence.state("quantize", "mapping/neurons_on_chip", form=",.0f"),
            host=evidence.state("quantize", "mapping/neurons_off_chip", form=",.0f"),
            cores=evidence.state("partition", "mapping/cores", form=",.0f"),
            chips=evidence.state("partition", "mapping/chips", form=".0f"),
            bits=stated(settings["quantize"]["weight_bits"], "set", ".0f", "bits"),
        ),
        say(
            "Tuning: rates kept between {low} and {high} at the percentile {percentile}, {rates} "
            "epochs by rates and {spikes} with spikes forward. Every tile is presented for {steps} "
            "of {dt}, and read out over the last {window}.",
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
            "times silicon-fitted constants, static power of whole chips and their embedded "
            "processors included. The CPU runs the ANN with rectified linear units by TensorFlow "
            "Lite, best thread count, warmed up, median; quantized after training on training "
            "tiles."
        ),
        say(
            "Machine: {machine}. Software: {versions}.",
            machine=_machine(machine),
            versions=Name(", ".join(f"{n} {versions[n]}" for n in PACKAGES if n in versions)),
        ),
    ]


def _machine(facts: Mapping[str, str]) -> Printable:
    if not facts:
        return Words("not recorded by the version that measured")
    return say(
        "{processor}, {cores}, {memory}, {system}, fingerprint {fingerprint}",
        processor=Name(facts["machine.processor"]),
        cores=stated(float(facts["machine.cores"]), "measured", ".0f", "cores"),
        memory=stated(float(facts["machine.memory_gib"]), "measured", ".0f", "GiB"),
        system=Name(facts["machine.system"]),
        fingerprint=Code(facts[FINGERPRINT]),
    )


def _spread(evidence: Evidence) -> Text:
    """Say how far seeds are apart, or that nobody knows."""
    scores = evidence.values("loihi", "test/v_rand")
    if len(scores) < 2:
        return say("One seed: how far another training would be from this one is not known.")
    return say(
        "{count}, which differ by up to {spread} in V_Rand on the chips: smaller differences "
        "between networks mean nothing.",
        count=stated(len(scores), "set", ".0f", "seeds"),
        spread=stated(max(scores) - min(scores), "measured"),
    )


def _limits(evidence: Evidence) -> list[Text]:
    return [
        say("No neuromorphic hardware was at hand: accuracy is of an emulator, energy of a model."),
        _spread(evidence),
        say(
            "One dataset of few sections, one kind of tissue; boundaries a pixel off cost much of "
            "the pixel accuracy there is to win."
        ),
        say(
            "Constants and published devices were read in secondary sources or in code, as the "
            "references say."
        ),
    ]


def _runs(evidence: Evidence) -> Table:
    rows: list[list[Cell]] = [
        [
            Name("this report" if run in evidence.runs else "compared"),
            Code(run.preset),
            Code(", ".join(f"{part} {seed}" for part, seed in run.seeds.items())),
            Link(run.run.id, run.run.page),
            Code(_commit(run)),
            Name(_date(run.run.ended)),
        ]
        for run in evidence.all_runs
    ]
    return Table(
        caption=say("The pipeline runs in MLflow that this was made from."),
        heading=["used as", "preset", "seeds", "MLflow run", "commit", "ended"],
        rows=rows,
    )


def _commit(run: RecordedPipeline) -> str:
    commits = dict.fromkeys(
        str(stage.run.tags.get("git.commit", "?"))[:8] for stage in run.stages.values()
    )
    return ", ".join(commits)
