import sys
from pathlib import Path

import pytest

from . import run

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="good" time="0.5"/>
<testcase classname="a" name="bad" time="0.25"><failure message="x"/></testcase>
<testcase classname="a" name="broken" time="0"><error message="x"/></testcase>
<testcase classname="a" name="xfail" time="0"><skipped type="pytest.xfail"/></testcase>
</testsuite></testsuites>"""


def test_outcomes_are_read_from_the_report(tmp_path):
    path = tmp_path / "report.xml"
    assert run.read(path) == ({}, 0.0)
    path.write_text(REPORT, encoding="utf-8")
    assert run.read(path) == (
        {"a::good": "passed", "a::bad": "failed", "a::broken": "failed", "a::xfail": "skipped"},
        0.75,
    )


@pytest.mark.parametrize(
    ("plain", "ours", "verdict"),
    [
        ({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"}, (0, "0 tests fail")),
        ({"a": "passed", "b": "failed"}, {"a": "passed", "b": "passed"}, (0, "differs: b")),
        ({"a": "passed"}, {"a": "failed"}, (1, "fails with this emulator only: a")),
        ({"a": "skipped"}, {"a": "failed"}, (1, "fails with this emulator only: a")),
        ({"a": "passed", "b": "passed"}, {"a": "passed"}, (1, "not the same tests ran: ['b']")),
        ({}, {}, (1, "not the same tests ran")),
    ],
)
def test_only_what_fails_with_this_emulator_alone_fails(plain, ours, verdict, monkeypatch, capsys):
    found = {"nengo-loihi": (plain, 1.0, 2.0, {}), "spikeseg": (ours, 1.0, 2.0, {"spikeseg": 3})}
    monkeypatch.setattr(run, "run", lambda engine, tests, passed_on: found[engine])
    monkeypatch.setattr(run, "installed", lambda package: Path("/nowhere"))
    monkeypatch.setattr(sys, "argv", ["run.py"])
    code, says = verdict
    assert run.main() == code
    printed = capsys.readouterr().out
    assert says in printed
    assert "3 networks on spikeseg" in printed
