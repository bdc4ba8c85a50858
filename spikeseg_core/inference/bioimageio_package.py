"""A trained ANN as a bioimage.io package: a zip that ilastik, deepImageJ and others open.

Needs the package ``onnx``. With ``bioimageio.spec`` (``pip install "spikeseg[bioimageio]"``) the
package is also validated.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]
from PIL import Image

from spikeseg_core.data.tiles import pad_to
from spikeseg_core.errors import DataError
from spikeseg_core.inference.about import UNKNOWN, About
from spikeseg_core.inference.onnx_model import INPUT, OUTPUT, onnx_model
from spikeseg_core.inference.segmenter import Segmenter
from spikeseg_core.network import Network, Weights
from spikeseg_core.network.onnx_graph import OPSET
from spikeseg_core.storage import atomic_path

FORMAT = "0.5.4"
"""Of the model description, of 2025; newer readers take it, too."""

RDF, README, COVER, WEIGHTS = "rdf.yaml", "README.md", "cover.png", "weights.onnx"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
TOLERANCE = 1e-4
"""Of a probability: bioimage.io adds 1e-6 to the standard deviation, and runtimes differ."""

_MADE = (1980, 1, 1, 0, 0, 0)
_TEXT = """# {name}

Probability of membrane in sections of electron microscopy.

Grey values may have any scale: every section gets zero mean and unit variance (`{rdf}`).
It is cut into overlapping tiles, which are blended, by the network itself.
The output is the probability of membrane; pixels with at least {threshold} are membrane.

| | |
|---|---|
{facts}

## Validation

Measured on the test split of the training data: {scores}.
`{output}` is what the original network gives for `{input}`.
"""


@dataclass(frozen=True)
class Checked:
    """What ``bioimageio.spec`` says of a valid package.

    Attributes
    ----------
    by : str, optional
        Its version; None if it is not installed.
    warnings : tuple of str
        What would make the package easier to find and to reuse.
    """

    by: str | None = None
    warnings: tuple[str, ...] = ()


def save_package(
    path: Path, network: Network, weights: Weights, example: np.ndarray, about: About
) -> Checked:
    """Write a package, and validate it where ``bioimageio.spec`` is installed.

    The same network gives the same bytes.

    Parameters
    ----------
    path : Path
        Of the zip.
    example : array (h, w)
        Section as in training. Its corner is the test input, mirrored where it is too small.

    Raises
    ------
    ConfigError
        If the package ``onnx`` is not installed.
    DataError
        If ``bioimageio.spec`` finds the package invalid.
    """
    side = network.tile + network.tile // 3  # several tiles, which overlap
    grey = pad_to(example[np.newaxis], side)[:, :side, :side]
    probability = _original(network, weights, about, grey)
    model = onnx_model(network, weights, about, standardized=True)
    files = {
        WEIGHTS: model.SerializeToString(deterministic=True),
        TEST_INPUT: _npy(grey[:, np.newaxis]),
        TEST_OUTPUT: _npy(probability[:, np.newaxis]),
        COVER: _cover(grey[0], probability[0]),
        README: _readme(network, about).encode(),
    }
    described = _described(network, about, files)
    rdf = yaml.dump(described, Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True)
    with atomic_path(path) as unfinished:
        with zipfile.ZipFile(unfinished, "w") as package:
            for name, content in {RDF: rdf.encode(), **files}.items():
                entry = zipfile.ZipInfo(name, _MADE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                package.writestr(entry, content)
        return check(unfinished, path.name)


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _original(network: Network, weights: Weights, about: About, grey: np.ndarray) -> np.ndarray:
    """Return the probability that the network itself gives."""
    from spikeseg_core.ann.unet import model_from_weights
    from spikeseg_core.evaluation.segment import keras_segmenter

    tiled = keras_segmenter(model_from_weights(network, weights))
    return Segmenter(network.tile, about.tiles_per_axis, tiled)(grey)


def check(path: Path, name: str | None = None) -> Checked:
    """Validate a package; it is not looked at without the package ``bioimageio.spec``.

    ``name`` is what messages call it; by default its own.

    Raises
    ------
    DataError
        If it is invalid.
    """
    try:
        from bioimageio import spec
        from loguru import logger
    except ImportError:
        return Checked()
    logger.disable("bioimageio")  # its warnings are returned
    found = spec.load_description(path)
    details = found.validation_summary.details
    if not isinstance(found, spec.ModelDescr):
        wrong: dict[str, str] = {}
        for error in (error for each in details for error in each.errors):
            # Without the alternatives that were tried, all of which are in brackets.
            where = ".".join(str(part) for part in error.loc if "(" not in str(part))
            wrong.setdefault(where, error.msg)
        said = "; ".join(f"{where}: {shorten(what, 150)}" for where, what in wrong.items())
        hint = "; licences are named as in spdx.org/licenses, such as CC-BY-4.0"
        said = shorten(said, 600) + (hint if "license" in wrong else "")
        raise DataError(f"{name or path.name} would not be a valid bioimage.io model: {said}")
    warnings = (f"{'.'.join(map(str, w.loc))}: {w.msg}" for each in details for w in each.warnings)
    return Checked(spec.__version__, tuple(dict.fromkeys(warnings)))


def _described(network: Network, about: About, files: dict[str, bytes]) -> dict[str, Any]:
    """Return the model description, as YAML holds it."""

    def file(name: str) -> dict[str, str]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    def axes(channel: str, **size: Any) -> list[dict[str, Any]]:
        scale = {} if about.pixel_nm is None else {"scale": about.pixel_nm, "unit": "nanometer"}
        return [
            {"type": "batch"},
            {"type": "channel", "channel_names": [channel]},
            *({"type": "space", "id": axis, **scale, **size[axis]} for axis in "yx"),
        ]

    any_side = {"size": {"min": network.tile, "step": 1}}
    as_input = {
        axis: {"size": {"tensor_id": INPUT, "axis_id": axis}, "halo": max(network.tile // 6, 1)}
        for axis in "yx"
    }
    as_float = {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}
    described = {
        "format_version": FORMAT,
        "type": "model",
        "name": f"SpikeSeg {re.sub(r'[^A-Za-z0-9_+() -]', '-', about.name)}"[:64],
        "description": f"Membrane in electron microscopy: the ANN of SpikeSeg, trained on "
        f"{about.dataset}."[:512],
        "authors": [{"name": name} for name in about.authors],
        "license": about.licence,
        "cite": [
            {
                "text": "Patel et al. 2021, A Spiking Neural Network for Image Segmentation",
                "doi": "10.48550/arXiv.2106.08921",
            }
        ],
        "documentation": README,
        "covers": [COVER],
        "tags": [
            *("electron-microscopy", "2d", "cell-membrane", "brain", "tensorflow", "unet"),
            *("semantic-segmentation", "ilastik", "deepimagej"),
        ],
        "inputs": [
            {
                "id": INPUT,
                "axes": axes("grey", x=any_side, y=any_side),
                "test_tensor": file(TEST_INPUT),
                "data": {"type": about.grey, "range": [0, int(np.iinfo(about.grey).max)]},
                # The last, too: without it, readers go back to the type of the input.
                "preprocessing": [
                    as_float,
                    {
                        "id": "zero_mean_unit_variance",
                        "kwargs": {"axes": ["channel", "y", "x"], "eps": 1e-6},
                    },
                    as_float,
                ],
            }
        ],
        "outputs": [
            {
                "id": OUTPUT,
                "axes": axes("membrane", **as_input),
                "test_tensor": file(TEST_OUTPUT),
                "data": {"type": "float32", "range": [0.0, 1.0]},
            }
        ],
        "weights": {"onnx": {**file(WEIGHTS), "opset_version": OPSET}},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [
                    {"absolute_tolerance": TOLERANCE, "relative_tolerance": TOLERANCE}
                ]
            },
            "spikeseg": about.facts() | {"tile": str(network.tile)},
        },
    }
    return {name: value for name, value in described.items() if value not in (None, [])}


def _readme(network: Network, about: About) -> str:
    facts = about.facts() | {"tile": str(network.tile)}
    return _TEXT.format(
        name=f"SpikeSeg {about.name}",
        rdf=RDF,
        threshold=facts["threshold"],
        facts="\n".join(f"| {key.replace('_', ' ')} | {facts[key]} |" for key in facts),
        scores=facts["scores"] if about.scores else UNKNOWN,
        input=TEST_INPUT,
        output=TEST_OUTPUT,
    )


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def _cover(grey: np.ndarray, probability: np.ndarray) -> bytes:
    """Return a PNG of a section beside its probability, twice as wide as high."""
    low, high = int(grey.min()), int(grey.max())
    stretched = (grey.astype(np.float32) - low) * (255 / max(high - low, 1))
    both = np.hstack([stretched, probability * 255]).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(both).save(file, "PNG")
    return file.getvalue()
