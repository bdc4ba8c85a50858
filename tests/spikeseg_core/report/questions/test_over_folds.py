"""Energies over all folds in the research report: tables of Q2 and Q5."""

from __future__ import annotations

from collections.abc import Sequence

from spikeseg_core.report.document import Cell, Document, Table


def words(cells: Sequence[Cell]) -> list[str]:
    return [str(each) if isinstance(each, str | None) else each.markdown() for each in cells]


def table_with(document: Document, question: int, heading: str) -> Table:
    tables = document.sections[question - 1].tables
    (found,) = (table for table in tables if words(table.heading)[0] == heading)
    return found


def test_ratios_of_all_folds_with_their_accuracy(built: dict[str, Document]) -> None:
    table = table_with(built["paper"], 5, "Loihi")
    assert words(table.heading)[:4] == ["Loihi", "baseline", "dynamic", "total"]
    deployed, hosted = map(words, table.rows)
    assert deployed[:2] == ["Loihi, deployed", "CPU, int8"]
    assert deployed[2].startswith("2.5")
    assert "-0.020" in deployed[4]
    assert hosted[:4] == ["Loihi, deployed, with host", "CPU, int8", "busy", "None"]


def test_each_saving_alone_and_beside_all_others(built: dict[str, Document]) -> None:
    table = table_with(built["paper"], 2, "way")
    assert words(table.rows[1])[:2] == ["tiles", "alone"]
    assert words(table.rows[1])[2].startswith("-20.0")
    assert "modelled" in words(table.rows[1])[2]
    assert len(table.rows) == 8


def test_the_command_is_named_where_nothing_is_recorded(built: dict[str, Document]) -> None:
    commands = [each.command.text for each in built["quick"].sections[4].missing]
    assert "spikeseg sweep energy-claims --preset quick" in commands
    assert not any("energy-claims" in each.command.text for each in built["paper"].missing)
