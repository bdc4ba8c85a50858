"""One target under Atheris, in a process of its own: ``python -m tests.fuzz.one TARGET ...``.

The arguments after the target are libFuzzer's.
"""

from __future__ import annotations

import logging
import sys
import warnings

import atheris  # type: ignore[import-not-found,import-untyped]

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
INSTRUMENTED = ["spikeseg_core", "tasks", "yaml", "tifffile", "zipfile", "h5py", "zarr", "nir"]
# Compiled by numba, which cannot read instrumented code.
COMPILED = ["emulator", "quantization", "cost"]
NOT_INSTRUMENTED = [f"spikeseg_core.loihi.{room}" for room in COMPILED]
NOT_INSTRUMENTED += ["spikeseg_core.network", "spikeseg_core.metrics"]


def main() -> None:
    """Fuzz until the time is over, or something is found."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=INSTRUMENTED, exclude=NOT_INSTRUMENTED):
        from tests.fuzz import targets

        # Targets import what they need when they are called: once here, so that it is instrumented.
        for seed in sorted((targets.CORPUS / name).iterdir()):
            targets.run(name, seed.read_bytes())
    atheris.Setup(sys.argv, lambda data: targets.run(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
