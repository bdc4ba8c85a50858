from __future__ import annotations

import pytest

from flows.options import open_page
from tests.flows.cli.commands import Asked, spikeseg

SERVERS = "tasks.local.servers"


def test_up_passes_on_ports_and_what_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    asked.stand_in(monkeypatch, f"{SERVERS}.up")
    assert spikeseg("up").exit_code == 0
    assert spikeseg("up", "--prefect-port", 4201, "--no-worker", "--open").exit_code == 0
    assert asked == [
        ((None, None, True), {"when_ready": None}),
        ((4201, None, False), {"when_ready": open_page}),
    ]


@pytest.mark.parametrize("running", [True, False])
def test_status_and_down_say_whether_something_ran(
    running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("status", "down"):
        Asked().stand_in(monkeypatch, f"{SERVERS}.{name}", running)
    assert spikeseg("status").exit_code == (0 if running else 1)
    assert spikeseg("down").output == ("stopped\n" if running else "nothing was running\n")
