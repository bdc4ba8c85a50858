from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from spikeseg_core.stack import _gpu_looked_for, keras, nengo_loihi, tf, without_lines


def test_keras_is_keras_2() -> None:
    assert tf.keras.Model is keras.Model
    assert keras.__version__.startswith("2.")


def test_lines_that_match_are_dropped_and_all_others_are_passed_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError), without_lines(re.compile("^noise")):
        os.write(2, b"noise from C++\nnews from C++\n")
        print("news from Python", file=sys.stderr)
        raise ValueError
    assert set(capfd.readouterr().err.splitlines()) == {"news from C++", "news from Python"}


def test_the_emulator_of_nengo_loihi_fills_integers_without_a_warning() -> None:
    block = nengo_loihi.block.LoihiBlock(2)
    block.compartment.configure_relu()
    nengo_loihi.builder.discretize.discretize_block(block)
    info = nengo_loihi.emulator.interface.BlockInfo([block])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nengo_loihi.emulator.interface.CompartmentState(info)


@pytest.mark.parametrize("device", [None, "nvidiactl", "kfd", "dxg"])
def test_a_gpu_is_looked_for_only_where_there_may_be_one(
    tmp_path: Path, device: str | None
) -> None:
    if device:
        (tmp_path / device).touch()
    call = subprocess.call
    with _gpu_looked_for(tmp_path):
        found = subprocess.call([sys.executable, "-c", "raise SystemExit(3)"])
    assert found == (3 if device else 1)
    assert subprocess.call is call
