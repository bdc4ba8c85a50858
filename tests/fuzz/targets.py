"""Every reader and parser of what others wrote, called with bytes.

A target returns, or raises the project's own error in one message. Anything else, a hang or more
memory than its bound is a finding: its bytes go into ``corpus/TARGET`` and stay a test.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from spikeseg_core.errors import SpikeSegError

CORPUS = Path(__file__).parent / "corpus"


@cache
def _room() -> Path:
    """A folder in memory, of this process, which removes it at its end."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="spikeseg-fuzz-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def _file(name: str, data: bytes) -> Path:
    path = _room() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def image(data: bytes) -> None:
    """A PNG or TIFF: grey values, and labels."""
    from spikeseg_core.data.formats.grey import grey_sections, label_sections
    from spikeseg_core.data.formats.opening import open_bytes

    volume = open_bytes(data, "x")
    if volume.pixels > 2**22:
        return  # larger ones are read, but not in the time of a test
    try:
        grey_sections([volume])
    except SpikeSegError:
        label_sections([volume])


def hdf5(data: bytes) -> None:
    """An HDF5 file; what libhdf5 does with it stays within this process."""
    from spikeseg_core.data.readers import read_stack

    read_stack(_file("x.h5", data))


def zarr(data: bytes) -> None:
    """The description of a zarr array, beside chunks that fit another one."""
    from spikeseg_core.data.readers import read_stack

    path = _file("x.zarr/zarr.json", data).parent
    if not (path / "c").exists():
        (path / "c" / "0" / "0").mkdir(parents=True)
        (path / "c" / "0" / "0" / "0").write_bytes(bytes(64))
    read_stack(path)


def archive(data: bytes) -> None:
    """The challenge's zip: the bytes are the archive, or a member of one."""
    from spikeseg_core.data.readers import read_challenge_zip

    if not data.startswith(b"PK"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
            for name in ("train-volume.tif", "train-labels.tif"):
                made.writestr(name, data)
        data = packed.getvalue()
    read_challenge_zip(_file("x.zip", data))


def folder_settings(data: bytes) -> None:
    """``spikeseg.yaml`` beside images."""
    from spikeseg_core.data.folder_settings import read_settings

    read_settings(_file("sections/spikeseg.yaml", data).parent)


def settings(data: bytes) -> None:
    """Changes of the command line, one a line."""
    from spikeseg_core.config.overrides import configured

    configured("quick", changes=_text(data).split("\n")[:20])


def sweep(data: bytes) -> None:
    """The definition of a sweep, and its points."""
    from spikeseg_core.config import presets
    from spikeseg_core.sweep.points import expand
    from tasks.studies import definition

    made = definition(str(_file("sweep.yaml", data)))
    presets.preset(made.preset)
    if made.search is None:
        expand(made)


def record(data: bytes) -> None:
    """A finished stage's ``stage.json`` and ``tracking.json``, as it is used and as reported."""
    from spikeseg_core.report.folders import recorded_stage
    from tasks.folder import damage, read_record, tracking_notes

    folder = _file("stages/prepare-0123456789abcdef/stage.json", data).parent
    (folder / "tracking.json").write_bytes(data)
    tracking_notes(folder)
    damage(folder)
    recorded_stage(folder)
    read_record(folder)


def servers(data: bytes) -> None:
    """``servers.json`` of a state folder."""
    from tasks.local.state import current, noted_servers

    _file("servers.json", data).chmod(0o600)
    noted_servers(current())


def summary(data: bytes) -> None:
    """``summary.json`` of a run, as `spikeseg runs` lists and shows it."""
    from tasks.local import runs

    _file("runs/20260101-000000-quick/summary.json", data)
    for run in runs.recorded():
        run.plain()
        runs.find("2026")
        runs.show_list()
        runs.show_run(run)


def network(data: bytes) -> None:
    """``network.json`` of the U-Net, and its weights."""
    from spikeseg_core.network import load_network

    load_network(_file("network/network.json", data).parent)


def segmenter(data: bytes) -> None:
    """``segmenter.json`` of a registered model."""
    from spikeseg_core.inference.segmenter import load_segmenter, threshold_of

    folder = _file("segmenter/segmenter.json", data).parent
    load_segmenter(folder)
    threshold_of(folder)


def sent(data: bytes) -> None:
    """Sections in JSON, as a served model gets them."""
    from spikeseg_core.inference.payload import grey_sections

    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return  # the server answers before the model is asked
    grey_sections(values)


def keras_file(data: bytes) -> None:
    """The description within a Keras file; no library opens it."""
    from spikeseg_core.frontends.keras_code import refuse_code
    from spikeseg_core.frontends.keras_model import READERS

    path = _room() / "x.keras"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", data)
    refuse_code(path, READERS)


def onnx_file(data: bytes) -> None:
    """A network in ONNX."""
    from spikeseg_core.frontends.reading import read_model

    read_model(_file("x.onnx", data))


def nir_file(data: bytes) -> None:
    """A network in NIR."""
    from spikeseg_core.frontends.reading import read_model

    read_model(_file("x.nir", data))


def integer_network(data: bytes) -> None:
    """A network in integers with a digest of its own: damaged arrays are refused, or they run."""
    from spikeseg_core.loihi.emulator import Emulator
    from spikeseg_core.loihi.emulator.stepwise import StepwiseEmulator
    from spikeseg_core.loihi.integer_network import IntegerNetwork
    from spikeseg_core.loihi.soundness import check_network, check_sizes

    folder = _room() / "integer"
    _damaged(data).save(folder)
    check_sizes(folder)
    found = IntegerNetwork.load(folder)
    check_network(found)
    if found.n_neurons > 10_000:
        return
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, 2, (4, p.size), dtype=np.uint8) for p in found.inputs]
    StepwiseEmulator(found).advance([[np.flatnonzero(x) for x in each] for each in inputs], 4)
    Emulator(found).run([each[None] for each in inputs], 4)


@cache
def _cases() -> list[object]:
    from spikeseg_core.testing.corpus import cases

    return [case.network for case in cases()]


def _damaged(data: bytes):  # type: ignore[no-untyped-def]
    """A network of the corpus, chosen by the first byte, with values set by the others."""
    base = _cases()[(data[0] if data else 0) % len(_cases())]
    arrays = {name: array.copy() for name, array in base.arrays.items()}  # type: ignore[attr-defined]
    names = sorted(arrays)
    for start in range(1, len(data) - 7, 8):
        which, how, at = data[start], data[start + 1], data[start + 2] + 256 * data[start + 3]
        value = int.from_bytes(data[start + 4 : start + 8], "little", signed=True)
        name = names[which % len(names)]
        array = arrays[name]
        if how % 8 == 0:
            arrays[name] = array[: at % (len(array) + 1)]
        elif how % 8 == 1:
            arrays[name] = np.append(array, np.int32(value)).astype(array.dtype)
        elif len(array):
            array[at % len(array)] = value
    return replace(base, **arrays)  # type: ignore[type-var]


def model_name(data: bytes) -> None:
    """The name of a registered model, and of a stage."""
    from tasks.local.state import current
    from tasks.mlflow.registered import run_of_model

    name = _text(data)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{_room() / 'mlflow.db'}"
    run_of_model(name)
    current().stage_folder(name, name)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        *(image, hdf5, zarr, archive, folder_settings, settings, sweep, record, servers, summary),
        *(network, segmenter, sent, keras_file, onnx_file, nir_file, integer_network, model_name),
    )
}


def run(name: str, data: bytes) -> None:
    """Call a target; what it raises beside the project's own errors is a finding."""
    os.environ["SPIKESEG_HOME"] = str(_room())
    try:
        TARGETS[name](data)
    except SpikeSegError as error:
        text = str(error)
        assert text and len(text) < 20_000, f"a message of {len(text):,} characters"
