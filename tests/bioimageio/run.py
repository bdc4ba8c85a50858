"""``make bioimageio``: run packages with bioimageio.core, in an environment of its own.

Each is tested as bioimage.io does it (``test_model``, also with larger inputs and batches),
and its output is compared with that of the original, pixel by pixel. Exit code 1: one failed.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from bioimageio.core import create_prediction_pipeline, load_model, test_model
from bioimageio.core.digest_spec import create_sample_for_model

TOLERANCE = 1e-4
"""Of a probability; bioimage.io adds 1e-6 to the standard deviation."""


def difference(path: Path) -> float:
    """Return the largest difference of a pixel's probability from the original's.

    Like the original, it is computed without mirrored surroundings.
    """
    with zipfile.ZipFile(path) as package:
        given, wanted = (
            np.load(io.BytesIO(package.read(f"test_{name}.npy"))) for name in ("input", "output")
        )
    model = load_model(path)
    sample = create_sample_for_model(model, inputs={"sections": given})
    with create_prediction_pipeline(model) as pipeline:
        made = pipeline.predict_sample_without_blocking(
            sample, skip_input_padding=True, skip_output_cropping=True
        )
    return float(np.abs(made.members["membrane"].data.to_numpy() - wanted).max())


def main(folder: Path) -> int:
    """Print a line for each package; return the number of those that failed."""
    failed = 0
    for path in sorted(folder.glob("*.zip")):
        summary = test_model(path, stop_early=False)
        apart = difference(path)
        good = summary.status == "passed" and apart <= TOLERANCE
        failed += not good
        print(f"{path.name}: {summary.status}, at most {apart:.1e} from the original")
        for detail in summary.details if not good else ():
            for error in detail.errors:
                print(f"    {detail.name}: {error.msg}")
    print(f"{len(list(folder.glob('*.zip'))) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]))))
