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
with atheris.instrument_imports(
    include=["spikeseg_core", "tasks", "yaml", "tifffile", "zipfile", "h5py", "zarr", "nir"],
    # Compiled by numba, which cannot read instrumented code.
    exclude=["spikeseg_core.loihi.emulator", "spikeseg_core.network", "spikeseg_core.metrics"],
):
    import tasks.folder  # noqa: F401
    from tests.fuzz import targets


def main() -> None:
    """Fuzz until the time is over, or something is found."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda data: targets.run(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
