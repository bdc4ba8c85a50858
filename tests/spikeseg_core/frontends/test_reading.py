import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.frontends.reading import READERS, read_model


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"net\.onnx is not a file; give a model as \.keras"):
        read_model(tmp_path / "net.onnx")


@pytest.mark.parametrize("name", ["net.pt", "net", "net.onnx.zip"])
def test_another_format_is_refused_with_those_that_are_read(name: str, tmp_path) -> None:
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(DataError, match=", ".join(READERS)):
        read_model(tmp_path / name)


@pytest.mark.parametrize("suffix", READERS)
def test_a_damaged_file_is_one_message(suffix: str, tmp_path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"not a model")
    with pytest.raises(DataError, match=path.name):
        read_model(path)


def test_a_network_that_contradicts_itself_is_one_message(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path) -> None:
        raise KeyError("weight")

    monkeypatch.setitem(READERS, ".onnx", read)
    (tmp_path / "a.onnx").touch()
    with pytest.raises(DataError, match=r"a\.onnx is no network that can be read \(KeyError"):
        read_model(tmp_path / "a.onnx")
