"""One target under Atheris, in a process of its own: ``python -m tests.fuzz.one TARGET ...``.

The arguments after the target are libFuzzer's.
"""

from __future__ import annotations

import logging
import sys
import warnings
from importlib import import_module

import atheris  # type: ignore[import-not-found,import-untyped]

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
INSTRUMENTED = ["spikeseg_core", "tasks", "yaml", "tifffile", "zipfile", "h5py", "zarr", "nir"]
# Compiled by numba, which cannot read instrumented code: imported before it is switched on.
COMPILED = (
    *("spikeseg_core.loihi.emulator", "spikeseg_core.loihi.emulator.stepwise"),
    *("spikeseg_core.loihi.cost.counted", "spikeseg_core.metrics.rand_info"),
)


def main() -> None:
    """Fuzz until the time is over, or something is found."""
    name = sys.argv.pop(1)
    for module in COMPILED:
        import_module(module)
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz import targets

        # Targets import what they need when they are called: once here, so that it is instrumented.
        for seed in sorted((targets.CORPUS / name).iterdir()):
            targets.run(name, seed.read_bytes())
    atheris.Setup(sys.argv, lambda data: targets.run(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
