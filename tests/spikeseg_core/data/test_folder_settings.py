from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.spikeseg_core.data.inputs import GREY, MASKS, RGB, Built, pngs, settings, tif
from tests.spikeseg_core.data.labelled import check_found, check_not_found, pair

FOUND: dict[str, tuple[Built, str]] = {
    "settings one folder down": (
        lambda d: settings(pair(d / "set", "a/x", "a/y"), "images: a/x\nlabels: a/y").parent,
        "stated in spikeseg.yaml",
    ),
    "stated": (
        lambda d: settings(pair(d, "x/one", "x/two"), "images: x/one/*.png\nlabels: x/two"),
        "stated in spikeseg.yaml"),
    "stated polarity": (
        lambda d: settings(pair(d, "raw", "masks"), "polarity: membrane_dark"), "stated"),
    "channel of OME": (
        lambda d: settings(
            tif(pngs(d / "masks", MASKS).parent / "raw.ome.tif", np.stack([255 - GREY, GREY]),
                metadata={"axes": "CZYX", "Channel": {"Name": ["gold", "SEM"]}}).parent,
            "channel: sem"), "images in raw.ome.tif"),
    "channel of colour": (
        lambda d: settings(
            pngs(d / "raw", RGB) and pngs(d / "masks", MASKS).parent, "channel: red"), "raw/"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOUND)
def test_labelled_sections_that_are_read(kind: str, tmp_path: Path) -> None:
    build, said = FOUND[kind]
    check_found(build(tmp_path), said)


NOT_FOUND: dict[str, tuple[Built, str]] = {
    "unknown channel": (
        lambda d: settings(pngs(d / "raw", RGB) and pngs(d / "masks", MASKS).parent,
                           "channel: mauve"), "no channel 'mauve'; it has red, green, blue"),
    "YAML with an unknown key": (
        lambda d: settings(pair(d, "raw", "masks"), "polarty: x"), "polarty.*the keys are images"),
    "YAML out of the folder": (
        lambda d: settings(d, "images: ../*.png\nlabels: x"), "leads out of the folder"),
    "YAML without a match": (
        lambda d: settings(d, "images: a*.png\nlabels: b*.png"), "'a.*' matches no file"),
    "YAML with one of two": (lambda d: settings(d, "images: a"), "names images only"),
    "YAML that is no YAML": (lambda d: settings(d, "a: [1"), "spikeseg.yaml cannot be read"),
    "YAML that is a list": (lambda d: settings(d, "- 1"), "spikeseg.yaml: .*the keys are"),
    "YAML that nests deeply": (
        lambda d: settings(d, "- " * 5000), "spikeseg.yaml cannot be read"),
    "YAML of aliases": (
        lambda d: settings(d, "a: &a [x, x]\n" + "\n".join(
            f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]" for p, c in zip("abcdefghij", "bcdefghijk",
                                                                      strict=True))),
        r"the alias \*a: write its values out"),
    "YAML that is huge": (lambda d: settings(d, "#" * 100_000), "over 65,536 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    check_not_found(build(tmp_path), message)
