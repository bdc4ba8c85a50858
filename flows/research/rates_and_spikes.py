"""Q5: rate-based and spike-based models, in accuracy and power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from flows.research.content import Cell, Missing, Section, Table
from flows.research.evidence import Evidence
from flows.research.stated import Basis, Code, Link, Name, Text, joined, say, stated, told
from flows.research.sweeps import sweep_section

QUESTION = "How do rate-based and spike-based models compare in accuracy and power?"
OTHER_NETWORK = "keyword spotter"
"""In the name of devices whose published figures are of another network."""


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence; the pictures are the benchmark's own."""
    facts = evidence.facts
    by_idle = _by_idle(evidence)
    ratio = evidence.state("benchmark", "energy/ratio_cpu_int8_online", "modelled", ".2f")
    finding = say(
        "As spikes instead of rates the network's V_Rand moves by {v_rand}; online and in total "
        "the int8 CPU takes {ratio} times Loihi's energy, between {low} and {high} times under "
        "the definitions of idle that are compared",
        v_rand=evidence.change("snn_rate", "snn_spiking", "test/v_rand"),
        ratio=ratio,
        low=stated(min(by_idle.values(), default=None), "modelled", ".2f"),
        high=stated(max(by_idle.values(), default=None), "modelled", ".2f"),
    )
    answer = [
        say(
            "The rate-based network scores {rate} in pixel accuracy, the same network as spikes "
            "{spikes}, and as integers on the emulated chips {chips}.",
            rate=evidence.state("snn_rate", "test/pixel_accuracy"),
            spikes=evidence.state("snn_spiking", "test/pixel_accuracy"),
            chips=evidence.state("loihi", "test/pixel_accuracy"),
        ),
        *_power(evidence),
        *_at_the_operating_point(evidence),
        *_batches(facts),
        say(
            "The paper states more than {times} for its own network, online, at {bits}, without "
            "a definition of idle that is known here.",
            times=stated(2, "published", ".0f", "times"),
            bits=stated(8, "published", ".0f", "bits"),
        ),
    ]
    sweeps = evidence.sweeps_over("tune.spiking_epochs", "tune.activation", "tune.noise")
    tables, pictures, sweep_runs = sweep_section(sweeps)
    runs = evidence.behind("convert", "deploy", "benchmark")
    batches = evidence.bench.get("energy")
    if batches is not None:
        tables.append(_batch_table(batches[1]))
        runs.append(Link(batches[0].id, batches[0].page))
    missing = []
    if not sweeps:
        missing.append(
            Missing(
                say(
                    "Networks tuned by rates alone, beside those tuned by spikes, are not recorded."
                ),
                Code("spikeseg sweep ablation-activation"),
            )
        )
    if batches is None:
        missing.append(
            Missing(
                say("Energy of larger batches is not recorded."),
                Code(f"spikeseg bench energy --preset {evidence.preset}"),
            )
        )
    return Section(
        key="Q5",
        question=QUESTION,
        finding=finding,
        answer=answer,
        tables=[_accuracy(evidence), _energy(evidence), _idle(evidence, by_idle), *tables],
        pictures=[
            *evidence.picture(
                "benchmark",
                "energy.png",
                say("Energy of a section on every device; hatching tells the basis. First seed."),
                *dict.fromkeys(f["basis"] for f in facts.get("figures", [])),
            ),
            *evidence.picture(
                "benchmark",
                "tornado.png",
                say("How far the ratio moves with each thing that is not known. First seed."),
                "modelled",
            ),
            *pictures,
        ],
        runs=[*runs, *sweep_runs],
        unknown=_unknown(facts),
        missing=missing,
    )


def _unknown(facts: Mapping[str, Any]) -> list[Text]:
    found = [
        say(
            "Loihi's energy is modelled from counted events; no chip was metered. Its static "
            "power charges whole chips with their embedded processors."
        ),
        say(
            "What counts as idle decides how large the ratio is: quote it with its definition. "
            "The host's part, the first layer and the read-out, is charged in the line that says "
            "so."
        ),
    ]
    if why := facts.get("why_no_gpu"):
        found.append(
            say(
                "No GPU was measured: {why}. The published GPU ran another, much smaller network; "
                "its figures are a lower bound at most.",
                why=Name(str(why)),
            )
        )
    if all(f["basis"] != "measured" for f in facts.get("figures", []) if f["device"] == "cpu"):
        found.append(
            say(
                "The CPU's energy is its measured time times a stated power, for want of a meter "
                "that can be read."
            )
        )
    return found


def _by_idle(evidence: Evidence) -> dict[str, float]:
    """Ratio under each pair of idle definitions: the median of the seeds."""
    found: dict[str, list[float]] = {}
    for run in evidence.runs:
        sensitivity = run.stages["benchmark"].facts.get("sensitivity", {})
        for pair, ratio in sensitivity.get("by_idle", {}).items():
            if isinstance(ratio, int | float):
                found.setdefault(str(pair), []).append(float(ratio))
    return {pair: float(median(values)) for pair, values in found.items()}


def _accuracy(evidence: Evidence) -> Table:
    tags = {
        "snn_rate": "rates, float weights",
        "snn_spiking": "spikes, float weights",
        "loihi": "spikes, integers on chips",
        "cpu_int8": "ANN, int8, on the CPU",
    }
    scores = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")
    rows: list[list[Cell]] = [
        [
            title,
            *(evidence.state(tag, f"test/{score}") for score in scores),
            evidence.state(tag, "spikes/mean_rate_hz", form=".1f"),
        ]
        for tag, title in tags.items()
        if evidence.values(tag, "test/v_rand")
    ]
    return Table(
        caption=say("The same network as rates and as spikes, test sections."),
        heading=[
            "model", "pixel accuracy", "membrane IoU", "V_Rand", "V_Info", "mean rate, Hz",
        ],
        rows=rows,
    )  # fmt: skip


Line = tuple[str, str, int]
"""Device, precision, batch."""


def _lines(all_figures: Sequence[Sequence[Mapping[str, Any]]]) -> dict[Line, dict[str, Any]]:
    """Figures by device, precision and batch: energy of each component, time, basis; all seeds."""
    found: dict[Line, dict[str, Any]] = {}
    for figures in all_figures:
        for one in figures:
            key = (one["device"], one["precision"], one["batch"])
            line = found.setdefault(key, {"basis": one["basis"], "seconds": []})
            line.setdefault(one["component"], []).append(one["mj_per_section"])
            if one["component"] == "total":
                line["seconds"].append(one["seconds_per_section"])
    return found


def _energy(evidence: Evidence) -> Table:
    lines = _lines([run.stages["benchmark"].facts.get("figures", []) for run in evidence.runs])
    rows: list[list[Cell]] = []
    for (device, precision, batch), line in lines.items():
        basis: Basis = line["basis"]
        watts = [mj / 1000 / s for mj, s in zip(line["total"], line["seconds"], strict=True) if s]
        rows.append(
            [
                Name(f"{device}, {precision}"),
                stated(batch, "set", ".0f"),
                *(stated(line.get(part), basis, ".1f") for part in ("dynamic", "static", "total")),
                stated([1000 * s for s in line["seconds"]], _timed(device, basis), ".1f"),
                stated(watts, basis, ".2f"),
            ]
        )
    return Table(
        caption=say(
            "Energy, time and mean power for one section, all of its tiles. The published figures "
            "are of another, much smaller network, as many of its inferences as a section has "
            "tiles."
        ),
        heading=[
            *("device", "batch", "mJ dynamic", "mJ static", "mJ total", "ms", "W"),
        ],
        rows=rows,
    )


def _timed(device: str, basis: Basis) -> Basis:
    """Time of the CPU and GPU is read from a clock even where their energy is modelled."""
    return "measured" if basis == "modelled" and not device.startswith("loihi") else basis


def _idle(evidence: Evidence, by_idle: Mapping[str, float]) -> Table:
    """Every pair of definitions, against every opponent where the benchmark recorded that."""
    table = evidence.table("benchmark", "idle")
    rows: list[list[Cell]] = [
        ["loihi", "cpu, int8, online", told(pair, "set"), stated(ratio, "modelled", ".2f")]
        for pair, ratio in by_idle.items()
    ]
    if table is not None:
        ratios: dict[tuple[str, str, str], list[float]] = {}
        for seed in evidence.tables("benchmark", "idle"):
            for row in seed.to_dict("records"):
                key = (str(row["loihi"]), str(row["opponent"]), str(row["idle"]))
                ratios.setdefault(key, []).append(float(row["ratio"]))
        rows = [
            [Name(loihi), Name(opponent), told(pair, "set"), stated(found, "modelled", ".2f")]
            for (loihi, opponent, pair), found in ratios.items()
        ]
    return Table(
        caption=say("Energy of a conventional device over Loihi's, by what is counted of each."),
        heading=["Loihi", "against", "counted: the other's over Loihi's", "ratio"],
        rows=rows,
    )


def _power(evidence: Evidence) -> list[Text]:
    lines = _lines([run.stages["benchmark"].facts.get("figures", []) for run in evidence.runs])
    loihi, cpu = lines.get(("loihi", "int8", 1)), lines.get(("cpu", "int8", 1))
    if loihi is None or cpu is None:
        return []

    def watts(line: Mapping[str, Any]) -> list[float]:
        return [mj / 1000 / s for mj, s in zip(line["total"], line["seconds"], strict=True) if s]

    return [
        say(
            "Online, spikes on Loihi take {loihi} and {loihi_ms} a section, a mean power of "
            "{loihi_w}; the rate-based network (int8, rectified linear units) on the CPU takes "
            "{cpu} and {cpu_ms}, {cpu_w}.",
            loihi=stated(loihi["total"], loihi["basis"], ".1f", "mJ"),
            loihi_ms=stated([1000 * s for s in loihi["seconds"]], "modelled", ".1f", "ms"),
            cpu=stated(cpu["total"], cpu["basis"], ".1f", "mJ"),
            cpu_ms=stated([1000 * s for s in cpu["seconds"]], "measured", ".1f", "ms"),
            loihi_w=stated(watts(loihi), "modelled", ".2f", "W"),
            cpu_w=stated(watts(cpu), cpu["basis"], ".2f", "W"),
        )
    ]


def _at_the_operating_point(evidence: Evidence) -> list[Text]:
    name = "energy/ratio_cpu_int8_online_operating_point"
    ratio = evidence.state("benchmark", name, "modelled", ".2f")
    if ratio is None:
        return []
    return [
        say(
            "At the operating point that was chosen on validation the int8 CPU takes {ratio} times "
            "Loihi's energy, in total, online; with the host's part charged to Loihi {hosted} "
            "times.",
            ratio=ratio,
            hosted=evidence.state("benchmark", f"{name}_with_host", "modelled", ".2f"),
        )
    ]


def _batches(facts: Mapping[str, Any]) -> list[Text]:
    overtaking = {k: v for k, v in facts.get("overtaking_batch", {}).items() if v is not None}
    if not facts.get("overtaking_batch"):
        return []
    if not overtaking:
        return [
            say(
                "At none of the batches that were timed does a conventional device need less than "
                "Loihi in total."
            )
        ]
    return [
        say(
            "From these batches on a conventional device needs less than Loihi in total: {which}.",
            which=joined(
                [
                    say(
                        "{device} from {batch}",
                        device=Name(device.replace("_", " ")),
                        batch=stated(batch, "modelled", ".0f"),
                    )
                    for device, batch in overtaking.items()
                ]
            ),
        )
    ]


def _batch_table(result: Mapping[str, Any]) -> Table:
    lines = _lines([result.get("figures", [])])
    rows: list[list[Cell]] = [
        [
            Name(f"{device}, {precision}"),
            stated(batch, "set", ".0f"),
            stated(line.get("dynamic"), line["basis"], ".1f"),
            stated(line.get("total"), line["basis"], ".1f"),
        ]
        for (device, precision, batch), line in lines.items()
        if OTHER_NETWORK not in device
    ]
    return Table(
        caption=say("Energy of a section by batch, as the energy benchmark recorded it."),
        heading=["device", "batch", "mJ dynamic", "mJ total"],
        rows=rows,
    )
