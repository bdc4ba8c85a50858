"""The machine of a measurement: its hardware, not its name or owner."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from spikeseg_core.storage import digest_json

FINGERPRINT = "machine.fingerprint"
FINGERPRINT_DIGITS = 12


@cache
def machine_tags() -> dict[str, str]:
    """Processor, cores, memory and system, and a short digest of the four.

    No host name, address or serial number, and no kernel version: an update does not make it
    another machine.
    """
    facts = {
        "machine.processor": processor(),
        "machine.cores": str(os.cpu_count() or 1),
        "machine.memory_gib": str(memory_gib()),
        "machine.system": f"{platform.system()} {platform.machine()}",
    }
    return facts | {FINGERPRINT: digest_json(facts)[:FINGERPRINT_DIGITS]}


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor from Linux, or else from Python."""
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def memory_gib() -> int:
    """Memory in GiB, rounded, because the firmware's share changes with its version."""
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    except (AttributeError, OSError, ValueError):
        return 0
