"""TensorFlow, tf-keras, NengoDL and NengoLoihi, imported so that they run together.

Everything else in the project imports these four from here:

    from spikeseg_core.stack import keras, nengo_dl, nengo_loihi, tf

Three facts make this module necessary:

* NengoDL 3.6 needs the engine of Keras 2. ``TF_USE_LEGACY_KERAS`` has to be set before the first
  import of TensorFlow for ``tf.keras`` to be tf-keras, the maintained Keras 2.
* NengoDL asks the package ``keras`` for four names that left it with Keras 3. They are taken
  from tf-keras while NengoDL is imported, and the real ``keras`` is put back afterwards.
* NengoLoihi imports NengoDL when it is itself imported, so it has to come last.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise ImportError(
        "TensorFlow was imported before spikeseg_core.stack, with Keras 3 as tf.keras. "
        "Import spikeseg_core.stack first, or set TF_USE_LEGACY_KERAS=1 in the environment."
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides its notices after the import
# TensorFlow leaves oneDNN off without AVX-512; on AVX2, too, its convolutions train a third faster.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

_START_UP_NOTICE = re.compile(
    r"^WARNING: All log messages before absl::InitializeLog"
    r"|^[IWE]\d{4} .*\b(port|cudart_stub|cuda_platform|cuda_diagnostics|cpu_feature_guard)\.cc:"
    r"|^To enable the following instructions: "
)


@contextmanager
def without_lines(unwanted: re.Pattern[str]) -> Iterator[None]:
    """Drop matching lines from standard error inside the block; pass on all others.

    TensorFlow's C++ writes directly to file descriptor 2, so that is what is redirected.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines(keepends=True):
                if not unwanted.search(line):
                    sys.stderr.write(line)


with without_lines(_START_UP_NOTICE):
    import tensorflow as tf
    import tf_keras as keras
    from tf_keras.src.engine import functional as _functional
    from tf_keras.src.layers.normalization.batch_normalization import (
        BatchNormalization as _BatchNormalizationV2,
    )
    from tf_keras.src.layers.normalization.batch_normalization_v1 import (
        BatchNormalization as _BatchNormalizationV1,
    )


@contextmanager
def _keras_2_names() -> Iterator[None]:
    """Provide the Keras 2 names that NengoDL imports from ``keras`` while it is imported."""
    lent = {
        name: ModuleType(name)
        for name in ("keras", "keras.engine", "keras.engine.functional", "keras.layers")
    }
    lent["keras.engine.functional"].__dict__.update(
        Functional=_functional.Functional, _build_map=_functional._build_map
    )
    lent["keras.layers"].__dict__.update(
        BatchNormalizationV1=_BatchNormalizationV1, BatchNormalizationV2=_BatchNormalizationV2
    )
    real = {n: m for n, m in sys.modules.items() if n == "keras" or n.startswith("keras.")}
    for name in real:
        del sys.modules[name]
    sys.modules.update(lent)
    try:
        yield
    finally:
        for name in lent:
            sys.modules.pop(name, None)
        sys.modules.update(real)


GPU_DEVICES = ("nvidiactl", "kfd", "dxg")
"""Device files of GPUs that TensorFlow can use: NVIDIA's, AMD's, and Windows' in its Linux."""


@contextmanager
def _gpu_looked_for(devices: Path = Path("/dev")) -> Iterator[None]:
    """Answer NengoDL's search for a GPU where there cannot be one.

    While it is imported, NengoDL starts a second Python with TensorFlow to look, which takes
    longer than its own import.
    """
    if any((devices / name).exists() for name in GPU_DEVICES):
        yield
        return
    call = subprocess.call
    subprocess.call = lambda *_, **__: 1  # the exit code for "none"
    try:
        yield
    finally:
        subprocess.call = call


with (
    warnings.catch_warnings(),
    _keras_2_names(),
    _gpu_looked_for(),
    without_lines(_START_UP_NOTICE),
):
    # We cannot fix deprecations in packages that are no longer released.
    warnings.simplefilter("ignore")
    import nengo_dl
    import nengo_loihi

tf.get_logger().setLevel("ERROR")  # otherwise it warns about every second function it compiles
nengo_loihi.neurons.install_dl_builders()
# Its emulator marks unset integers by NaN, which makes NumPy warn.
for _state in ("CompartmentState", "NoiseState"):
    _class = getattr(nengo_loihi.emulator.interface, _state)
    _class.__init__ = np.errstate(invalid="ignore")(_class.__init__)

__all__ = ["keras", "nengo_dl", "nengo_loihi", "tf", "without_lines"]
