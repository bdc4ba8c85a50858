import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spikeseg_core.errors import DataError
from spikeseg_core.storage import (
    atomic_path,
    digest_arrays,
    digest_json,
    load_arrays,
    save_arrays,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_readable_as_any_others(tmp_path) -> None:
    (tmp_path / "plain.json").write_text("{}")
    write_json(tmp_path / "ours.json", {})
    assert (tmp_path / "ours.json").stat().st_mode == (tmp_path / "plain.json").stat().st_mode


def test_numpy_scalars_are_written_as_numbers(tmp_path) -> None:
    write_json(tmp_path / "x.json", {"rate": np.float32(0.5), "n": np.int64(3)})
    assert (tmp_path / "x.json").read_text() == '{\n  "rate": 0.5,\n  "n": 3\n}\n'


def test_objects_are_never_stored(tmp_path) -> None:
    with pytest.raises(TypeError, match="'a' holds Python objects"):
        save_arrays(tmp_path / "x.npz", {"a": np.array([object()])})


def test_missing_arrays_say_what_to_do(tmp_path) -> None:
    with pytest.raises(DataError, match="does not exist; run the stage"):
        load_arrays(tmp_path / "none.npz")


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["u1", "i4", "f4", "f8", "?"]), hnp.array_shapes(max_dims=3, max_side=4)
    )
)
def test_arrays_come_back_bit_for_bit(tmp_path_factory, array) -> None:
    path = tmp_path_factory.mktemp("arrays") / "x.npz"
    save_arrays(path, {"a/b": array})
    back = load_arrays(path)["a/b"]
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_digest_sees_names_types_shapes_and_values() -> None:
    a = np.arange(6, dtype=np.int32)
    digests = {
        digest_arrays(d)
        for d in (
            {"a": a},
            {"b": a},
            {"a": a.astype(np.int64)},
            {"a": a.reshape(2, 3)},
            {"a": a + 1},
        )
    }
    assert len(digests) == 5
    assert digest_arrays({"a": a, "b": a}) == digest_arrays({"b": a, "a": a})


def test_json_digest_does_not_depend_on_order() -> None:
    assert digest_json({"a": 1, "b": [2]}) == digest_json({"b": [2], "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 2})
