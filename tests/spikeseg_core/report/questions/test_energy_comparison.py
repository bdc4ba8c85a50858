from __future__ import annotations

import json
from pathlib import Path

import pytest

from spikeseg_core.report.document import Document, Section
from spikeseg_core.report.folders import FolderRecords
from spikeseg_core.report.render import words
from spikeseg_core.report.research import build
from tests.spikeseg_core.report.recorded import write_pipeline

Pages = dict[str, tuple[str, str]]


def fifth(report: Document) -> Section:
    (section,) = [one for one in report.sections if one.key == "Q5"]
    return section


def test_headline_range_and_table_are_of_one_comparison(built: dict[str, Document]) -> None:
    section = fifth(built["paper"])
    finding = words(section.finding)
    told = "the best int8 CPU (tile by tile) takes 7.2 [7.2, 7.2] (modelled) times the energy of"
    assert told in finding
    assert "operating point" not in finding  # there is none
    assert "3.2 (modelled) to 7.1 (modelled) under the" in words(section.answer[2])
    (table,) = [one for one in section.tables if "range of the headline" in words(one.caption)]
    assert "CPU, int8, online over that of Loihi, deployed" in words(table.caption)
    ratios = [row[1].value for row in table.rows]  # type: ignore[union-attr]
    assert (min(ratios), max(ratios)) == (3.2, 7.1)
    assert [words(part.title) for part in section.details] == ["Other presentations and baselines"]


def test_both_devices_are_told_with_their_power(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "Loihi, deployed takes 96.5 mJ [97.0, 96.0] (modelled) and 60.0 ms" in text
    assert "25.0 ms [25.0, 25.0] (measured) per section, a mean power of" in text


@pytest.fixture
def busy(tmp_path: Path) -> Document:
    account = write_pipeline(tmp_path, 0.96, mapped=False)[-1] / "stage.json"
    content = json.loads(account.read_text())
    facts = content["outcome"]["facts"]
    facts["busy"] = True
    facts["figures"] = [f | {"busy": f["family"] == "cpu"} for f in facts["figures"]]
    account.write_text(json.dumps(content))
    return build(FolderRecords(tmp_path), "paper")[0]


def test_a_busy_machine_gives_no_ratio(busy: Document) -> None:
    section = fifth(busy)
    assert "how far in energy is not known, because the machine was busy" in words(section.finding)
    assert "times" not in words(section.finding)
    assert not section.details
    assert section.missing[0].command.text == "spikeseg benchmark"
    rows = [words(row[0]) for table in section.tables for row in table.rows]
    assert "CPU, int8 (busy)" in rows
    assert "CPU, int8" not in rows
