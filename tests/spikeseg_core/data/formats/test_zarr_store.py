from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.data.formats.zarr_store import is_ome
from spikeseg_core.data.readers import pair_files, read_labelled, read_stack
from tests.spikeseg_core.data.inputs import (
    CELLS,
    DEEP,
    GREY,
    MASKS,
    Built,
    check_read,
    check_refused,
    ome_zarr,
    settings,
    zarr_array,
    zarr_group,
)
from tests.spikeseg_core.data.labelled import check_found, check_not_found


def _attributes(path: Path, text: str) -> Path:
    (path / "zarr.json").write_text(text)
    return path


def _without(path: Path, pattern: str, most: int | None = None) -> Path:
    for file in sorted(path.glob(pattern))[:most]:
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return path


def _cut_chunk(path: Path) -> Path:
    for file in sorted(path.rglob("c/*/*/*"))[:1]:
        file.write_bytes(file.read_bytes()[:20])
    return path


def _codec(path: Path) -> Path:
    zarr_array(path, GREY, zarr_format=2)
    about = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps(about | {"compressor": {"id": "lzma9"}}))
    return path


def _smallest_first(path: Path) -> Path:
    about = json.loads((ome_zarr(path, GREY, version="0.4") / ".zattrs").read_text())
    about["multiscales"][0]["datasets"].reverse()
    return _rewritten(path, ".zattrs", about)


def _rewritten(path: Path, name: str, about: dict[str, Any]) -> Path:
    (path / name).write_text(json.dumps(about))
    return path


def _old_summary(path: Path) -> Path:
    """Keep the metadata of a whole store from before it grew."""

    def write(stack: np.ndarray) -> None:
        group = zarr.open_group(path, mode="w", zarr_format=2)
        group.create_array("raw", data=stack, chunks=(1, *stack.shape[1:]))

    write(GREY[:3])
    zarr.consolidate_metadata(str(path))
    summary = (path / ".zmetadata").read_text()
    write(GREY)
    return _rewritten(path, ".zmetadata", json.loads(summary))


def _declared(path: Path, **changed: Any) -> Path:
    about = json.loads((zarr_array(path, DEEP, zarr_format=2) / ".zarray").read_text())
    return _rewritten(path, ".zarray", about | changed)


READ: dict[str, tuple[Built, np.ndarray]] = {
    "version 3": (lambda d: zarr_array(d / "a.zarr", GREY), GREY),
    "version 2": (lambda d: zarr_array(d / "a.zarr", DEEP, zarr_format=2), DEEP),
    "version 2 without a suffix": (lambda d: zarr_array(d / "a", GREY, zarr_format=2), GREY),
    "version 2, big-endian": (
        lambda d: zarr_array(d / "a.zarr", DEEP.astype(">u2"), zarr_format=2), DEEP),
    "one section": (lambda d: zarr_array(d / "a.zarr", GREY[0]), GREY[:1]),
    "sharded": (
        lambda d: zarr_array(d / "a.zarr", GREY, chunks=(1, 16, 16), shards=(2, 48, 64)), GREY),
    "whole in one chunk": (lambda d: zarr_array(d / "a.zarr", GREY, chunks=GREY.shape), GREY),
    "a group of one array": (lambda d: zarr_group(d / "a.zarr", volumes__raw=GREY), GREY),
    "a folder of one zarr": (lambda d: zarr_array(d / "a.zarr", GREY).parent, GREY),
    "float": (lambda d: zarr_array(d / "a.zarr", GREY.astype("f4") / 255), GREY),
    "bool": (lambda d: zarr_array(d / "a.zarr", MASKS > 0), MASKS),
    "named axes, x first": (
        lambda d: zarr_array(d / "a.zarr", GREY.T, dimension_names=("x", "y", "z")), GREY),
    "OME 0.4": (lambda d: ome_zarr(d / "a.ome.zarr", GREY, version="0.4"), GREY),
    "OME 0.5": (lambda d: ome_zarr(d / "a.ome.zarr", GREY, version="0.5"), GREY),
    "OME with its smallest level first": (lambda d: _smallest_first(d / "a.zarr"), GREY),
    "columns in a row": (
        lambda d: zarr_array(d / "a.zarr", GREY, zarr_format=2, order="F"), GREY),
    "grown since its metadata were collected": (lambda d: _old_summary(d / "a.zarr"), GREY),
    "OME of five axes": (
        lambda d: ome_zarr(d / "a.ome.zarr", DEEP[None, None], axes="tczyx"), DEEP),
    "OME channel": (
        lambda d: settings(
            ome_zarr(d / "a.zarr", np.stack([255 - GREY, GREY]), axes="czyx",
                     channels=("gold", "SEM")).parent, "channel: SEM") / "a.zarr", GREY),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "several arrays": (
        lambda d: zarr_group(d / "a.zarr", one=GREY, two=DEEP),
        r"a\.zarr has 2 arrays of images \(one .*two .*a\.zarr:ARRAY"),
    "nothing inside": (lambda d: zarr_group(d / "a.zarr"), "holds no array of images"),
    "a folder called zarr": (lambda d: (d / "a.zarr").mkdir() or d / "a.zarr", "a.zarr is damaged"),
    "time and depth": (
        lambda d: ome_zarr(d / "a.zarr", np.stack([GREY, GREY]), axes="tzyx"),
        "the axes t = 2, z = 6, y = 48, x = 64; a stack has one axis of sections"),
    "channels": (
        lambda d: ome_zarr(d / "a.zarr", np.stack([GREY, DEEP // 257]), axes="czyx",
                           channels=("SEM", "gold")), "has 2 channels.*channel: SEM"),
    "five axes of no name": (
        lambda d: zarr_array(d / "a.zarr", np.stack([GREY, GREY])[None]),
        r"a stack is \(z, y, x\)"),
    "empty": (lambda d: zarr_array(d / "a.zarr", GREY[:0]), "a.zarr is empty"),
    "no chunks": (
        lambda d: _without(zarr_array(d / "a.zarr", GREY), "c"), "has none of its 6 chunks"),
    "a damaged chunk": (lambda d: _cut_chunk(zarr_array(d / "a.zarr", GREY)), "a.zarr is damaged"),
    "a type that its chunks do not have": (
        lambda d: _declared(d / "a.zarr", dtype="|u1"), "a.zarr is damaged"),
    "names that its chunks do not have": (
        lambda d: _declared(d / "a.zarr", dimension_separator="/"), "none of its 6 chunks"),
    "no metadata": (
        lambda d: _attributes(zarr_array(d / "a.zarr", GREY), "{"), "a.zarr is damaged"),
    "a level that is gone": (
        lambda d: _without(ome_zarr(d / "a.zarr", GREY), "0"), "declares the level 0, which is"),
    "a codec that is not here": (lambda d: _codec(d / "a.zarr"), "codec that is not here.*lzma9"),
    "complex numbers": (lambda d: zarr_array(d / "a.zarr", GREY * 1j), "holds no array of images"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)


FOUND: dict[str, tuple[Built, str]] = {
    "OME with labels, 0.4": (
        lambda d: ome_zarr(d / "a.ome.zarr", GREY, labels=MASKS, version="0.4"),
        r"images in a\.ome\.zarr:/, labels in :labels/membranes"),
    "OME with labels, 0.5": (
        lambda d: ome_zarr(d / "a.ome.zarr", GREY, labels=MASKS), "pixel size 4 x 4 nm"),
    "OME with labels in a folder": (
        lambda d: ome_zarr(d / "a.ome.zarr", GREY, labels=MASKS).parent, "labels/membranes"),
    "numbers of cells": (
        lambda d: zarr_group(d / "a.zarr", volumes__raw=GREY, volumes__labels__neuron_ids=CELLS),
        "numbers of cells"),
    "two arrays": (
        lambda d: zarr_group(d / "a.zarr", raw=GREY, membranes=MASKS), "images in a.zarr:raw"),
    "two stores": (
        lambda d: zarr_array(zarr_array(d / "raw.zarr", GREY).parent / "gt.zarr", MASKS).parent,
        "images in raw.zarr, labels in gt.zarr"),
    "a store with its labels beside it": (
        lambda d: zarr_array(zarr_array(d / "s.zarr", GREY).parent / "s-labels.zarr", MASKS).parent
        / "s.zarr", "the labels beside it"),
    "two stores of any name": (
        lambda d: zarr_array(zarr_array(d / "a.zarr", GREY).parent / "b.zarr", MASKS).parent,
        "images in a.zarr, labels in b.zarr"),
    "stated": (
        lambda d: settings(
            zarr_group(d / "a.zarr", x=GREY, y=MASKS).parent, "images: a.zarr:x\nlabels: a.zarr:y"),
        "stated in spikeseg.yaml"),
    "stated stores": (
        lambda d: settings(
            zarr_array(zarr_array(d / "x.zarr", GREY).parent / "y.zarr", MASKS).parent,
            "images: x.zarr\nlabels: y.zarr"), "stated in spikeseg.yaml"),
    "stated by pattern": (
        lambda d: settings(
            zarr_array(zarr_array(d / "x.zarr", GREY).parent / "y.zarr", MASKS).parent,
            "images: x*\nlabels: y*"), "stated in spikeseg.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOUND)
def test_labelled_sections_that_are_read(kind: str, tmp_path: Path) -> None:
    build, said = FOUND[kind]
    check_found(build(tmp_path), said)


NOT_FOUND: dict[str, tuple[Built, str]] = {
    "images alone": (lambda d: zarr_array(d / "a.zarr", GREY), "no labels beside it"),
    "several labels": (
        lambda d: zarr_group(d / "a.zarr", raw=GREY, gt=MASKS, masks=MASKS),
        r"a\.zarr: 2 datasets may be the labels"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    check_not_found(build(tmp_path), message)


def test_missing_chunks_are_said(tmp_path: Path) -> None:
    path = _without(zarr_array(tmp_path / "a.zarr", GREY + 1), "c/0")
    stack = read_stack(path)
    assert stack.notes == ("a.zarr: 1 of 6 chunks are not there and read as 0",)
    assert not stack.pixels[0].any()


def test_sections_are_decoded_block_by_block(tmp_path: Path, monkeypatch: Any) -> None:
    path = zarr_array(tmp_path / "a.zarr", GREY, chunks=(4, 48, 64))
    monkeypatch.setattr("spikeseg_core.data.formats.axes._BLOCK_BYTES", 2 * 48 * 64)
    for found, expected in zip(open_volume(path).decode(), GREY, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_files_of_a_store_and_of_that_beside_it(tmp_path: Path) -> None:
    path = zarr_array(tmp_path / "s.zarr", GREY)
    zarr_array(tmp_path / "s-labels.zarr", MASKS)
    settings(tmp_path, "polarity: membrane_dark")
    files = {file.relative_to(tmp_path).parts[0] for file in pair_files(path)}
    assert files == {"s.zarr", "s-labels.zarr", "spikeseg.yaml"}
    assert read_labelled(path).polarity == "membrane_dark"


def test_which_stores_are_ome(tmp_path: Path) -> None:
    assert is_ome(ome_zarr(tmp_path / "a.zarr", GREY))
    assert is_ome(ome_zarr(tmp_path / "b.zarr", GREY, version="0.4"))
    assert not is_ome(zarr_array(tmp_path / "c.zarr", GREY))
    assert zarr.open(str(tmp_path / "c.zarr"), mode="r").shape == GREY.shape


@pytest.mark.parametrize("where", ["filters", "compressor"])
def test_pickled_chunks_are_not_loaded(where: str, tmp_path: Path) -> None:
    class Command:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'executed'}",)

    store = tmp_path / "a.zarr"
    store.mkdir()
    about: dict[str, Any] = {"zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "dtype": "|u1"}
    about |= {"compressor": None, "filters": None, "fill_value": 0, "order": "C"}
    about[where] = [{"id": "pickle"}] if where == "filters" else {"id": "pickle"}
    (store / ".zarray").write_text(json.dumps(about))
    (store / "0.0").write_bytes(pickle.dumps(Command()))
    check_refused(store, "a.zarr is damaged")
    assert not (tmp_path / "executed").exists()


def test_parts_of_sections_that_are_missing_are_said(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=GREY.shape, dtype="u1", chunks=(1, 16, 64))
    array[:4, :16] = GREY[:4, :16]
    (note,) = read_stack(tmp_path / "a.zarr").notes
    assert note == "a.zarr: 14 of 18 chunks are not there and read as 0"
