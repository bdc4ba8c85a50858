"""Packages are valid, say what they are, and their weights give their test output."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from PIL import Image

from spikeseg_core.errors import DataError
from spikeseg_core.inference.about import About
from spikeseg_core.inference.bioimageio_package import (
    COVER,
    RDF,
    README,
    TEST_INPUT,
    TEST_OUTPUT,
    TOLERANCE,
    WEIGHTS,
    Checked,
    check,
    save_package,
)
from spikeseg_core.network import catalogue
from tests.spikeseg_core.loihi.networks import random_weights

NETWORK = catalogue.network("quick")
ABOUT = About(
    "quick",
    0.35,
    3,
    "sections of a test",
    scores={"v_rand": 0.95},
    pixel_nm=4.0,
    licence="CC0-1.0",
    authors=("A. Person",),
)


def save(path: Path, about: About = ABOUT, shape: tuple[int, int] = (200, 230)) -> Checked:
    rng = np.random.default_rng(5)
    example = rng.integers(20, 180, shape).astype(about.grey)
    return save_package(path, NETWORK, random_weights(rng, NETWORK), example, about)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "quick.zip"
    save(path)
    return path


def described(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as package:
        return yaml.safe_load(package.read(RDF))


def array(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as package:
        return np.load(io.BytesIO(package.read(name)))


def test_it_is_valid_and_offline(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    found = check(package)
    assert found.by is not None
    assert found.by.startswith("0.5.")
    # Who maintains it is the owner's to say; a sample is what the test tensors are.
    known = ("maintainers", "sample_tensor")
    assert [w for w in found.warnings if not any(name in w for name in known)] == []


@pytest.mark.parametrize("grey", ["uint8", "uint16"])
def test_without_licence_author_and_scores_it_is_valid_and_says_so(
    grey: str, tmp_path: Path
) -> None:
    found = save(tmp_path / "a.zip", About("a", 0.5, 3, "somebody's sections", grey), (20, 300))
    assert any("licen" in warning for warning in found.warnings)
    assert described(tmp_path / "a.zip")["config"]["spikeseg"]["licence"] == "not stated"
    assert array(tmp_path / "a.zip", TEST_INPUT).dtype == grey


def test_its_weights_give_its_test_output_after_its_preprocessing(package: Path) -> None:
    given = array(package, TEST_INPUT)
    assert given.shape == (1, 1, 256, 256)
    values = given.astype(np.float32)
    values = (values - values.mean()) / (values.std() + 1e-6)
    with zipfile.ZipFile(package) as opened:
        session = onnxruntime.InferenceSession(opened.read(WEIGHTS))
    (found,) = session.run(None, {"sections": values})
    wanted = array(package, TEST_OUTPUT)
    assert wanted.max() - wanted.min() > 0.5
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE / 2)


def test_it_says_what_it_is(package: Path) -> None:
    found = described(package)
    assert found["license"] == "CC0-1.0"
    assert found["authors"] == [{"name": "A. Person"}]
    assert found["config"]["spikeseg"]["threshold"] == "0.35"
    y = found["inputs"][0]["axes"][2]
    assert (y["scale"], y["unit"], y["size"]) == (4.0, "nanometer", {"min": 192, "step": 1})
    with zipfile.ZipFile(package) as opened:
        weights = hashlib.sha256(opened.read(WEIGHTS)).hexdigest()
        text = opened.read(README).decode()
        cover = Image.open(io.BytesIO(opened.read(COVER)))
    assert found["weights"]["onnx"]["sha256"] == weights
    assert "## Validation" in text
    assert "v_rand 0.9500" in text
    assert cover.width == 2 * cover.height


def test_the_same_network_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    save(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == package.read_bytes()


def test_an_invalid_package_is_refused(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as opened, zipfile.ZipFile(tmp_path / "b.zip", "w") as made:
        for name in opened.namelist():
            made.writestr(name, opened.read(name).replace(b"type: batch", b"type: bunch"))
    with pytest.raises(DataError, match=r"b.zip would not be a valid bioimage.io model: .*bunch"):
        check(tmp_path / "b.zip")


def test_without_the_package_it_is_not_checked(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bioimageio", None)
    assert check(package) == Checked()
