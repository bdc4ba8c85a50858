from __future__ import annotations

import socket
from pathlib import Path

from tasks.local.machine import FINGERPRINT, machine_tags, processor


def test_the_machine_is_what_it_is_and_not_its_name() -> None:
    tags = machine_tags()
    assert set(tags) == {
        *("machine.processor", "machine.cores", "machine.memory_gib", "machine.system"),
        FINGERPRINT,
    }
    assert len(tags[FINGERPRINT]) == 12
    assert socket.gethostname() not in " ".join(tags.values())
    machine_tags.cache_clear()
    assert machine_tags() == tags


def test_the_processor_has_its_name_from_linux(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: A  Processor (R)\n")
    assert processor(tmp_path / "cpuinfo") == "A Processor (R)"
    assert processor(tmp_path / "none")
