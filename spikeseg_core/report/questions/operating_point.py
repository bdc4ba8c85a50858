"""Part of Q2: how long a tile is presented, and what that saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from spikeseg_core.config.tolerances import AS_GOOD
from spikeseg_core.energy.figure import EnergyFigure, select
from spikeseg_core.energy.headline import headline
from spikeseg_core.report.document import Cell, Section, Table
from spikeseg_core.report.evidence import Evidence, median_table
from spikeseg_core.report.questions.energy_comparison import FEEDS
from spikeseg_core.report.stated import Basis, Name, Stated, Text, say, stated, told

_MARKS = ("start", "chosen", "equal_accuracy", "as_good_as_start")


def presentation_tables(evidence: Evidence, anytime: Sequence[pd.DataFrame]) -> list[Table]:
    """Tabulate scores and energy by presentation time and operating point, if recorded.

    Parameters
    ----------
    anytime : sequence of DataFrame
        Scores and energy by number of steps, one table per seed.
    """
    operating = evidence.table("benchmark", "operating_points")
    found = [_anytime(anytime)] if anytime else []
    if operating is None:
        return found
    caption = say(
        "Operating points that have a name: number of tiles, presentation time, read-out window "
        "and early-exit threshold. First seed, chosen on validation only."
    )
    named = _operating_points(operating, _MARKS, caption)
    return [*found, replace(named, rows=[*named.rows, *_opponents(evidence)])]


def front(evidence: Evidence) -> list[Section]:
    """Tabulate every operating point on the front, folded, if recorded."""
    operating = evidence.table("benchmark", "operating_points")
    if operating is None:
        return []
    caption = say(
        "Operating points that no other one beats in both V_Rand and energy on validation, first "
        "seed. Energies are of one section of each split."
    )
    table = _operating_points(operating, ("front",), caption)
    return [Section("Operating points on the front", tables=[table])]


def _anytime(tables: Sequence[pd.DataFrame]) -> Table:
    table = median_table(tables, "steps")
    rows: list[list[Cell]] = [
        [
            stated(row["steps"], "set", ".0f"),
            stated(row.get("readout_window"), "set", ".0%"),
            *(
                stated(row[f"{split}/{score}"], "measured")
                for split in ("validation", "test")
                for score in ("pixel_accuracy", "v_rand")
            ),
            stated(row["loihi_dynamic_mj"], "modelled", "s3"),
            stated(row["loihi_total_mj"], "modelled", "s3"),
        ]
        for _, row in table.iterrows()
    ]
    return Table(
        caption=say(
            "Presentation time: the same network after fewer or more steps, read out over the last "
            "part that suits validation's cross-entropy best, which need not be that of the "
            "settings (medians)."
        ),
        heading=[
            *("steps", "last part read", "pixel accuracy, validation", "V_Rand, validation"),
            *("pixel accuracy, test", "V_Rand, test", "mJ dynamic", "mJ total"),
        ],
        rows=rows,
    )


def _opponents(evidence: Evidence) -> list[list[Cell]]:
    """Tabulate the int8 networks on the CPU, the best of which the chosen point must equal."""
    best = _best_cpu(evidence)
    if best is None:
        return []
    totals = select(evidence.first.energies, component="total")
    online = select(totals, family="cpu", precision="int8", batch=1)
    rows: list[list[Cell]] = []
    for one in online:
        chosen = one.device == best.device
        mj = None if one.busy else stated(one.mj_per_section, "modelled", "s3")
        rows.append(
            [
                Name(f"CPU, int8, {FEEDS[one.feed]}"),
                None,
                *(
                    evidence.state(one.scores, f"{split}/{score}")
                    for split in ("validation", "test")
                    for score in ("pixel_accuracy", "v_rand")
                ),
                *(mj, mj),
                "what the chosen point is measured by" if chosen else "",
            ]
        )
    return rows


def _best_cpu(evidence: Evidence) -> EnergyFigure | None:
    """Find the int8 CPU run with the least energy, which points are compared with."""
    found = headline(evidence.first.energies)
    return found.cpu if found else None


def _operating_points(table: pd.DataFrame, wanted: Sequence[str], caption: Text) -> Table:
    """Tabulate the points with one of the wanted marks."""
    # An older table may lack some of the marks.
    marks = [mark for mark in wanted if mark in table]
    shown = table[table[[*marks]].any(axis=1)]
    rows: list[list[Cell]] = []
    for _, row in shown.sort_values("validation/loihi_total_mj").iterrows():
        notes = [mark.replace("_", " ") for mark in marks if row[mark]]
        rows.append(
            [
                told(str(row["point"]), "set"),
                stated(row["test/mean_steps"], "measured", ".1f"),
                *(
                    stated(row[f"{split}/{score}"], "measured")
                    for split in ("validation", "test")
                    for score in ("pixel_accuracy", "v_rand")
                ),
                *(
                    stated(row[f"{split}/loihi_total_mj"], "modelled", "s3")
                    for split in ("validation", "test")
                ),
                ", ".join(notes),
            ]
        )
    return Table(
        caption=caption,
        heading=[
            *("point", "mean steps", "pixel accuracy, validation", "V_Rand, validation"),
            *("pixel accuracy, test", "V_Rand, test", "mJ, validation", "mJ, test", "notes"),
        ],
        rows=rows,
    )


def chosen_point(evidence: Evidence) -> list[Text]:
    """Say what the operating point chosen on validation saves."""
    share = evidence.state("benchmark", "operating_point/energy_over_start", "modelled", ".0%")
    best = _best_cpu(evidence)
    if share is None or best is None:
        return []

    def test(point: str, name: str, *form: str) -> Stated | None:
        basis: Basis = "modelled" if name.endswith("_mj") else "measured"
        return evidence.state("benchmark", f"{point}/test/{name}", basis, *form)

    texts = [
        say(
            "The operating point was chosen on validation, where it is as good as the best int8 "
            "CPU ({feed}): at most {v_rand} lower in V_Rand, {v_info} in V_Info and {accuracy} in "
            "pixel accuracy, and so are all longer presentations of its kind.",
            feed=FEEDS[best.feed],
            v_rand=stated(AS_GOOD["v_rand"], "set", "g"),
            v_info=stated(AS_GOOD["v_info"], "set", "g"),
            accuracy=stated(AS_GOOD["pixel_accuracy"], "set", "g"),
        ),
        say(
            "On the test sections it uses {share} of the starting point's energy, {less} instead "
            "of {more}: {tiles} tiles per section and {steps} on average, where the start has "
            "{all_tiles} and {all_steps}. V_Rand is {score} there ({full} at the start) and pixel "
            "accuracy {pixels} ({full_pixels}). The cheapest point as good on validation as the "
            "start itself uses {alike} of its energy, at a V_Rand of {alike_score} on the test "
            "sections.",
            share=share,
            less=test("operating_point", "loihi_total_mj", "s3", "mJ"),
            more=test("start", "loihi_total_mj", "s3", "mJ"),
            tiles=evidence.state("benchmark", "operating_point/tiles", "set", ".0f"),
            all_tiles=evidence.state("benchmark", "start/tiles", "set", ".0f"),
            steps=test("operating_point", "mean_steps", ".1f", "steps"),
            all_steps=test("start", "mean_steps", ".0f"),
            score=test("operating_point", "v_rand"),
            full=test("start", "v_rand"),
            pixels=test("operating_point", "pixel_accuracy"),
            full_pixels=test("start", "pixel_accuracy"),
            alike=evidence.state(
                "benchmark", "as_good_as_start/energy_over_start", "modelled", ".0%"
            ),
            alike_score=test("as_good_as_start", "v_rand"),
        ),
    ]
    equal = evidence.state("benchmark", "equal_accuracy/energy_over_start", "modelled", ".0%")
    if equal is not None:
        texts.append(
            say(
                "If only the CPU's pixel accuracy on validation counts, within the same margin, "
                "{share} of the starting energy is enough: {less}, for {tiles} tiles and "
                "{steps} on average. On the test sections pixel accuracy is {pixels} then, the "
                "CPU's {theirs}, and V_Rand {score}.",
                theirs=evidence.state(best.scores, "test/pixel_accuracy"),
                share=equal,
                less=test("equal_accuracy", "loihi_total_mj", "s3", "mJ"),
                tiles=evidence.state("benchmark", "equal_accuracy/tiles", "set", ".0f"),
                steps=test("equal_accuracy", "mean_steps", ".1f", "steps"),
                pixels=test("equal_accuracy", "pixel_accuracy"),
                score=test("equal_accuracy", "v_rand"),
            )
        )
    return texts


def shorter(anytime: Sequence[pd.DataFrame], within: float = 0.005) -> list[Text]:
    """Say what the shortest presentation saves whose V_Rand is within this of the longest's."""
    if not anytime:
        return []
    table = median_table(anytime, "steps")
    last = table.iloc[-1]
    good = table[table["validation/v_rand"] >= last["validation/v_rand"] - within]
    chosen = good.iloc[0]
    return [
        say(
            "On validation, the shortest presentation whose V_Rand is within {within} of the "
            "longest one's takes {steps}: {less} of its energy, and a V_Rand of {score} instead of "
            "{full} on the test sections.",
            within=stated(within, "set", ".3f"),
            steps=stated(chosen["steps"], "measured", ".0f", "steps"),
            less=stated(chosen["loihi_total_mj"] / last["loihi_total_mj"], "modelled", ".0%"),
            score=stated(chosen["test/v_rand"], "measured"),
            full=stated(last["test/v_rand"], "measured"),
        )
    ]
