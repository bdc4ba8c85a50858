"""Q3: what partitioning over chips does to latency and energy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flows.research.content import Cell, Missing, Section, Table
from flows.research.evidence import Evidence, draw
from flows.research.stated import Code, Link, Name, Text, say, stated
from flows.research.sweeps import sweep_section
from spikeseg_core.energy.loihi import LoihiModel
from spikeseg_core.figures.research import strategies_figure

QUESTION = "How does partitioning over chips affect latency and energy?"
LINK = "link between chips"
"""Name of that unknown in the benchmark's sensitivity."""


def section(evidence: Evidence, folder: Path) -> Section:
    """Answer from the evidence; pictures are drawn in the folder."""
    table = evidence.table("partition", "strategies")
    facts = evidence.first.stages["partition"].facts
    chips = evidence.state("partition", "mapping/chips", form=".0f")
    cores = evidence.state("partition", "mapping/cores", form=",.0f")
    across = evidence.state(
        "partition", "mapping/interchip_messages_per_step", "modelled", ",.0f", "messages a step"
    )
    every = evidence.state("partition", "mapping/messages_per_step", "modelled", ",.0f")
    finding = say(
        "On {chips} chips and {cores} cores, the mapping that is used lets {across} of {every} "
        "cross between chips",
        chips=chips,
        cores=cores,
        across=across,
        every=every,
    )
    answer, tables, pictures = [], [], []
    if table is not None:
        answer += _compared(table, str(facts.get("strategy", "?")))
        tables.append(_strategies(evidence, table))
        pictures.append(
            draw(
                strategies_figure,
                table,
                caption=say("Messages a time step under every strategy, first seed, same tiles."),
                basis=("modelled",),
                folder=folder,
                name="strategies",
            )
        )
    answer += _link(evidence)
    pictures += evidence.picture(
        "partition", "mesh.png", say("Cores on the mesh of each chip, first seed."), "modelled"
    )
    runs = evidence.behind("quantize", "partition", "benchmark")
    sweeps, more_pictures, sweep_runs = sweep_section(
        evidence.sweeps_over("partition.", "quantize.mapping", "quantize.chips")
    )
    mapped = evidence.bench.get("mapping")
    network = _of(mapped[1], evidence) if mapped is not None else None
    if mapped is not None and network is not None:
        tables.append(_steps(network))
        answer += _latency(network)
        runs.append(Link(mapped[0].id, mapped[0].page))
    missing = [
        Missing(
            say("Latency and energy of every strategy, tiles chosen anew, are not recorded."),
            Code(f"spikeseg bench mapping --preset {evidence.preset}"),
        )
    ]
    return Section(
        key="Q3",
        question=QUESTION,
        finding=finding,
        answer=answer,
        tables=[*tables, *sweeps],
        pictures=[*pictures, *more_pictures],
        runs=[*runs, *sweep_runs],
        unknown=[
            say(
                "What a message between chips costs is unpublished: {energy} and {time} are "
                "assumed here, and swept in the benchmark.",
                energy=stated(LoihiModel().interchip_pj, "set", ",.0f", "pJ"),
                time=stated(LoihiModel().interchip_ns, "set", "g", "ns"),
            ),
            say(
                "Messages are expected values from each neuron's measured rate; bursts within a "
                "step and congestion on the mesh are not modelled."
            ),
        ],
        missing=[] if network is not None else missing,
    )


def _compared(table: pd.DataFrame, used: str) -> list[Text]:
    by_name = table.set_index("strategy")["interchip_messages_per_step"]
    if by_name.max() == 0:
        return [
            say("The network fits one chip, so nothing crosses and the strategies do not differ.")
        ]
    worst, best = str(by_name.idxmax()), float(by_name.get(used, by_name.min()))
    if best <= 0:
        return []
    return [
        say(
            "With the same tiles, {worst} sends {more} as many messages between chips as {used}, "
            "the strategy used: {many} against {few} a time step.",
            worst=Name(worst.replace("_", " ")),
            more=stated(float(by_name.max()) / best, "modelled", ".1f", "times"),
            used=Name(used.replace("_", " ")),
            many=stated(by_name.max(), "modelled", ",.0f"),
            few=stated(best, "modelled", ",.0f"),
        )
    ]


def _link(evidence: Evidence) -> list[Text]:
    swings = evidence.facts.get("sensitivity", {}).get("swings", [])
    swing = next((each for each in swings if each["unknown"] == LINK), None)
    if swing is None:
        return []
    return [
        say(
            "Over the whole range that the unpublished cost of a link may have, the energy of the "
            "CPU (int8, online, total) over Loihi's lies between {low} ({dear}) and {high} "
            "({free}){widest}.",
            widest=": the widest of all the unknowns" if swing is swings[0] else "",
            low=stated(swing["low"], "modelled", ".2f"),
            dear=Name(f"{swing['low_case']} a message"),
            high=stated(swing["high"], "modelled", ".2f"),
            free=Name(f"{swing['high_case']} a message"),
        )
    ]


def _strategies(evidence: Evidence, table: pd.DataFrame) -> Table:
    """Messages, and what the links between chips take of a section's energy."""
    facts = evidence.facts
    steps, tiles = float(facts["steps"]), float(facts["tiles_per_section"])
    mj = LoihiModel().interchip_pj * steps * tiles * 1e-9
    used = str(evidence.first.stages["partition"].facts.get("strategy"))
    rows: list[list[Cell]] = [
        [
            Name(
                str(row["strategy"]).replace("_", " ")
                + (", used" if row["strategy"] == used else "")
            ),
            stated(row["chips"], "measured", ".0f"),
            Name(str(row["cores_per_chip"])),
            stated(row["interchip_messages_per_step"], "modelled", ",.0f"),
            stated(row["messages_per_step"], "modelled", ",.0f"),
            stated(row["interchip_messages_per_step"] * mj, "modelled", ".3g"),
        ]
        for _, row in table.iterrows()
    ]
    return Table(
        caption=say(
            "Strategies on the same tiles, first seed. Energy of the links: messages times the "
            "assumed cost, for a section."
        ),
        heading=[
            *("strategy", "chips", "cores on each", "messages between chips a step"),
            *("messages a step", "links, mJ a section"),
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
            stated(found["time_per_step_us"], "modelled", ".2f"),
            stated(found["energy_per_step_uj"], "modelled", ".2f"),
            stated(found["static_energy_per_step_uj"], "modelled", ".2f"),
            Name(str(found["waits_for"])),
        ]
        for name, found in network["strategies"].items()
    ]
    return Table(
        caption=say(
            "A time step of the whole network under every way to map it, tiles included "
            "(recorded by the mapping benchmark; silicon-fitted constants)."
        ),
        heading=[
            *("mapping", "cores", "chips", "messages between chips", "us a step"),
            *("dynamic uJ a step", "static uJ a step", "waits for"),
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
            "Tiles, chips and places chosen together take {time} a step where the worst other "
            "mapping takes {slow}, and {energy} where the dearest takes {dear}, static included.",
            time=stated(best["time_per_step_us"], "modelled", ".2f", "us"),
            slow=stated(slow, "modelled", ".2f", "us"),
            energy=stated(own, "modelled", ".2f", "uJ"),
            dear=stated(dear, "modelled", ".2f", "uJ"),
        )
    ]
