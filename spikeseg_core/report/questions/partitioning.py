"""Q3: the effect of partitioning over chips on latency and energy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spikeseg_core.errors import SpikeSegError
from spikeseg_core.figures.research import strategies_figure
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.cost.model import LoihiModel
from spikeseg_core.loihi.cost.strategies import strategy_table
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.network import load_network
from spikeseg_core.report.document import Cell, Section, Table, missing
from spikeseg_core.report.evidence import Evidence, draw, link
from spikeseg_core.report.stated import Name, Text, say, stated, told
from spikeseg_core.report.sweep import recorded_sweeps
from spikeseg_core.stages.artifacts import MAPPING, RATES
from spikeseg_core.storage import load_arrays

QUESTION = "How does partitioning over chips affect latency and energy?"
LINK = "link between chips"
"""Name of this unknown in the benchmark's sensitivity."""


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence, drawing pictures in the folder."""
    table = _strategy_table(evidence)
    used = str(evidence.first.stages["partition"].facts.get("strategy", "?"))
    finding = say(
        "{effect}; on {chips} and {cores} cores, {across} of {every} cross between chips with the "
        "strategy used",
        effect=_effect(table, used),
        chips=evidence.state("partition", "mapping/chips", form=".0f", unit=evidence.chips),
        cores=evidence.state("partition", "mapping/cores", form=",.0f"),
        across=evidence.state(
            "partition", "mapping/interchip_messages_per_step", "modelled", ",.0f"
        ),
        every=evidence.state(
            "partition",
            "mapping/messages_per_step",
            "modelled",
            ",.0f",
            "NoC messages per time step",
        ),
    )
    answer: list[Text] = []
    tables, pictures = [], []
    if table is not None:
        answer += _compared(table, used)
        tables.append(_strategies(evidence, table, used))
        pictures.append(
            draw(
                strategies_figure,
                table,
                caption=say(
                    "Messages, time and energy of one time step under every strategy on the same "
                    "tiles, first seed."
                ),
                basis=("modelled",),
                folder=folder,
                name="strategies",
                narrow=True,
            )
        )
    answer += _link(evidence)
    pictures += evidence.picture(
        "partition",
        "mesh.png",
        say(
            "The routers of each chip's mesh, coloured by the messages that their cores send to "
            "cores, and the traffic on the links between them, first seed."
        ),
        "modelled",
    )
    runs = evidence.behind("tune", "convert", "quantize", "partition", "benchmark")
    sweeps, more_pictures, sweep_runs = recorded_sweeps(
        evidence.sweeps_over("partition.", "quantize.mapping", "quantize.chips")
    )
    mapped = evidence.bench.get("mapping")
    network = _of(mapped[1], evidence) if mapped is not None else None
    if mapped is not None and network is not None:
        tables.append(_steps(network))
        answer += _latency(network)
        runs.append(link(mapped[0]))
    return Section(
        key="Q3",
        title=QUESTION,
        finding=finding,
        answer=answer,
        tables=[*tables, *sweeps],
        pictures=[*pictures, *more_pictures],
        runs=[*runs, *sweep_runs],
        unknown=[
            say(
                "The cost of a message between chips is not published: {energy} and {time} are "
                "assumed, and varied in the benchmark.",
                energy=stated(LoihiModel().interchip_pj, "set", ",.0f", "pJ"),
                time=stated(LoihiModel().interchip_ns, "set", "g", "ns"),
            ),
            say(
                "NoC traffic is the expected value at each neuron's measured rate; bursts within "
                "a step and congestion on the mesh are not modelled."
            ),
        ],
        missing=[]
        if network is not None
        else [
            missing(
                "Mappings with tiles chosen for each strategy are not recorded.",
                f"bench mapping --preset {evidence.preset}",
            )
        ],
    )


def _strategy_table(evidence: Evidence) -> pd.DataFrame | None:
    """Model every strategy from the recorded network, tiles and rates; None without them."""
    stages, settings = evidence.first.stages, evidence.first.settings
    tune, convert, quantize = (stages[name].folder for name in ("tune", "convert", "quantize"))
    if tune is None or convert is None or quantize is None:
        return None
    try:
        return strategy_table(
            load_network(tune)[0],
            CoreMapping.load(quantize / MAPPING),
            load_arrays(convert / RATES),
            Board(int(settings["quantize"]["chips"])),
            int(settings["partition"]["seed"]),
        )
    except (KeyError, OSError, SpikeSegError):  # of another version, or incomplete
        return None


def _energy(row: pd.Series) -> float:
    return float(row["dynamic_uj"] + row["static_uj"])


def _effect(table: pd.DataFrame | None, used: str) -> Text:
    """Say how far the worst strategy is behind in time and energy."""
    if table is None:
        return say("How far is not known without the stage folders")
    if table["interchip_messages_per_step"].max() == 0:
        return say("Not at all for this network, which fits on one chip")
    own = table[table["strategy"] == used].iloc[0]
    energies = table["dynamic_uj"] + table["static_uj"]
    if own["interchip_messages_per_step"] == 0:
        return say(
            "Not at all for this network, as long as it stays on one chip, where it fits; spread "
            "over several by the worst strategy, a step takes {time} the time and {energy} the "
            "energy, most of the rest being the static power of more chips",
            time=stated(table["time_us"].max() / own["time_us"], "modelled", ".2f", "times"),
            energy=stated(float(energies.max()) / _energy(own), "modelled", ".2f", "times"),
        )
    return say(
        "By up to {time} the time and {energy} the energy of a step: that is what the worst "
        "strategy on the same tiles takes, compared with the one used",
        time=stated(table["time_us"].max() / own["time_us"], "modelled", ".2f", "times"),
        energy=stated(float(energies.max()) / _energy(own), "modelled", ".2f", "times"),
    )


def _compared(table: pd.DataFrame, used: str) -> list[Text]:
    across = table["interchip_messages_per_step"]
    if across.max() == 0:
        return [say("The network fits on one chip, so the strategies do not differ.")]
    own = table[table["strategy"] == used].iloc[0]
    # The slowest one; the one with most traffic, if all take as long.
    slower = table["time_us"].max() > own["time_us"]
    worst = table.iloc[int((table["time_us"] if slower else across).argmax())]
    return [
        say(
            "On the same tiles, {worst} sends {many} messages per time step between chips, {used} "
            "{few}. A step takes {slow} instead of {fast} and {dear} instead of {cheap}, static "
            "energy included: latency suffers first, because a step waits for its busiest core or "
            "link, and static energy follows the time.",
            worst=_named(worst["strategy"]),
            many=stated(worst["interchip_messages_per_step"], "modelled", ",.0f"),
            used=_named(used),
            few=stated(own["interchip_messages_per_step"], "modelled", ",.0f"),
            slow=stated(worst["time_us"], "modelled", "s3", "µs"),
            fast=stated(own["time_us"], "modelled", "s3", "µs"),
            dear=stated(_energy(worst), "modelled", "s3", "µJ"),
            cheap=stated(_energy(own), "modelled", "s3", "µJ"),
        )
        if worst["time_us"] > own["time_us"]
        else say(
            "On the same tiles, {worst} sends {many} messages per time step between chips, {used} "
            "{few}; in neither does a step wait for a link, so only their energy differs.",
            worst=_named(worst["strategy"]),
            many=stated(worst["interchip_messages_per_step"], "modelled", ",.0f"),
            used=_named(used),
            few=stated(own["interchip_messages_per_step"], "modelled", ",.0f"),
        )
    ]


def _named(strategy: object) -> Name:
    return Name(str(strategy).replace("_", " "))


def _link(evidence: Evidence) -> list[Text]:
    swings = evidence.swings
    swing = next((each for each in swings if each["unknown"] == LINK), None)
    if swing is None or evidence.busy:
        return []
    return [
        say(
            "Over the range of the unpublished cost of a link, the ratio of the best int8 CPU's "
            "total energy to Loihi's (last question) lies between {low} ({dear}) and {high} "
            "({free}){widest}.",
            widest=", the widest range of all unknowns" if swing is swings[0] else "",
            low=stated(swing["low"], "modelled", "s2"),
            dear=told(f"{swing['low_case']} per message", "set"),
            high=stated(swing["high"], "modelled", "s2"),
            free=told(f"{swing['high_case']} per message", "set"),
        )
    ]


def _strategies(evidence: Evidence, table: pd.DataFrame, used: str) -> Table:
    facts = evidence.facts
    per_section = float(facts["steps"]) * float(facts["tiles_per_section"])
    rows: list[list[Cell]] = [
        [
            Name(str(row["strategy"]).replace("_", " ") + (" (used)" if name == used else "")),
            stated(row["interchip_messages_per_step"], "modelled", ",.0f"),
            stated(row["messages_per_step"], "modelled", ",.0f"),
            stated(row["time_us"], "modelled", "s3"),
            stated(row["dynamic_uj"], "modelled", "s3"),
            stated(row["static_uj"], "modelled", "s3"),
            stated(row["time_us"] * per_section * 1e-3, "modelled", "s3"),
            stated(_energy(row) * per_section * 1e-3, "modelled", "s3"),
            Name(str(row["waits_for"])),
        ]
        for name, (_, row) in zip(table["strategy"], table.iterrows(), strict=True)
    ]
    return Table(
        caption=say(
            "Strategies on the same tiles, first seed, to compare them: one step at the mean rates "
            "of the converted network, times the steps of a section, with silicon-fitted constants "
            "and the static power of whole chips and their embedded processors. Energy and time of "
            "the deployed network (last question) are counted step by step from its own spikes, "
            "and resets between tiles are charged: steps with more spikes than on average take "
            "longer, so both are more than here."
        ),
        heading=[
            *(
                "strategy",
                "traffic between chips, messages per step",
                "NoC traffic, messages per step",
            ),
            *("µs per step", "dynamic µJ per step", "static µJ per step"),
            *("ms per section", "mJ per section", "bottleneck"),
        ],
        rows=rows,
    )


def _of(result: Mapping[str, Any], evidence: Evidence) -> Mapping[str, Any] | None:
    """Return the reported network's part of a recorded ``spikeseg bench mapping``."""
    name = evidence.first.stages["train"].facts.get("network", {}).get("name")
    return next((n for n in result.get("networks", []) if n["name"] == name), None)


def _steps(network: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [
            Name(name.replace("_", " ")),
            stated(found["cores"], "measured", ",.0f"),
            stated(found["chips"], "measured", ".0f"),
            stated(found["interchip_messages"], "modelled", ",.0f"),
            stated(found["time_per_step_us"], "modelled", "s3"),
            stated(found["energy_per_step_uj"], "modelled", "s3"),
            stated(found["static_energy_per_step_uj"], "modelled", "s3"),
            Name(str(found["waits_for"])),
        ]
        for name, found in network["strategies"].items()
    ]
    return Table(
        caption=say(
            "One time step of the whole network under every mapping strategy, tiles included "
            "(recorded by the mapping benchmark; silicon-fitted constants)."
        ),
        heading=[
            *(
                "mapping",
                "cores",
                "chips",
                "traffic between chips, messages per step",
                "µs per step",
            ),
            *("dynamic µJ per step", "static µJ per step", "bottleneck"),
        ],
        rows=rows,
    )


def _latency(network: Mapping[str, Any]) -> list[Text]:
    found = network["strategies"]
    if "optimized" not in found or len(found) < 2:
        return []
    best = found["optimized"]
    others = [each for name, each in found.items() if name != "optimized"]
    slow = max(each["time_per_step_us"] for each in others)
    dear = max(each["energy_per_step_uj"] + each["static_energy_per_step_uj"] for each in others)
    own = best["energy_per_step_uj"] + best["static_energy_per_step_uj"]
    return [
        say(
            "Tiles, chips and places on the mesh chosen together take {time} per step, the slowest "
            "other mapping {slow}; they take {energy}, static included, the most expensive other "
            "mapping {dear}.",
            time=stated(best["time_per_step_us"], "modelled", "s3", "µs"),
            slow=stated(slow, "modelled", "s3", "µs"),
            energy=stated(own, "modelled", "s3", "µJ"),
            dear=stated(dear, "modelled", "s3", "µJ"),
        )
    ]
