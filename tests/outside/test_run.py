import json
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from spikeseg_core.frontends.reading import read_model

from . import networks, run


def test_positions_come_from_play() -> None:
    found = run.positions(6)
    assert found.shape == (6, 2, 8, 8)
    assert not (found[:, 0] * found[:, 1]).any()
    assert (found.sum((1, 2, 3)) >= 5).all()
    np.testing.assert_array_equal(found, run.positions(6))


def test_a_move_turns_the_discs_between() -> None:
    board = np.zeros((10, 10), int)
    board[3, 3:6] = 1, -1, -1
    assert sorted(run._flips(board, 3, 6)) == [(3, 4), (3, 5)]
    assert run._flips(board, 3, 7) == []


def test_weights_of_tensorflow_js_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes([0, 10]))
    (tmp_path / "b.bin").write_bytes(np.float32([1.5, 2.5]).tobytes())
    how = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    weights = [
        {"name": "small", "shape": [2], "dtype": "float32", "quantization": how},
        {"name": "plain", "shape": [1, 2], "dtype": "float32"},
    ]
    manifest = [{"paths": ["a.bin", "b.bin"], "weights": weights}]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    found = networks.shards(tmp_path, "manifest.json")
    np.testing.assert_array_equal(found["small"], [-1.0, 4.0])
    np.testing.assert_array_equal(found["plain"], [[1.5, 2.5]])


def test_nothing_but_arrays_is_made_of_a_pickle(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    (tmp_path / "file").write_bytes(pickle.dumps({"array": np.arange(3.0), "evil": Evil()}))
    with (tmp_path / "file").open("rb") as file:
        found = networks._Arrays(file).load()
    np.testing.assert_array_equal(found["array"], [0, 1, 2])
    assert not (tmp_path / "ran").exists()


def test_a_network_of_the_builder_is_the_reader_s(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {
        "a/depthwise_filter": rng.normal(size=(3, 3, 2, 1)),
        "a/pointwise_filter": rng.normal(size=(1, 1, 2, 4)),
        "a/bias": rng.normal(size=4),
    }
    to = networks.Build((2, 8, 8))
    last = to.add("Relu", "first", to.conv("stem", "input", rng.normal(size=(3, 3, 2, 2))))
    last = to.add("Relu", "second", to.separable("a", last, weights, (2, 2)))
    last = to.add("Flatten", "flat", to.add("GlobalAveragePool", "pool", last))
    to.add("Gemm", "fc", last, rng.normal(size=(4, 3)), rng.normal(size=3))
    graph = read_model(to.save(tmp_path / "net.onnx"))
    assert [layer.shape for layer in graph.layers] == [(8, 8, 2), (4, 4, 4)]
    (link,) = graph.layers[1].inputs
    expected = weights["a/depthwise_filter"] * weights["a/pointwise_filter"][:, :, :, None, 0]
    np.testing.assert_allclose(link.kernel[..., 0], expected[..., 0], rtol=1e-5)


def test_a_file_that_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FOLDER", tmp_path)

    def fetch(command: list[str], *, cwd: Path, **_: object) -> None:
        (cwd / "package.tgz").write_bytes(b"other")

    monkeypatch.setattr(run.subprocess, "run", fetch)
    with pytest.raises(SystemExit, match=r"package\.tgz of npm is not the file"):
        run.UPSCALER.folder()
