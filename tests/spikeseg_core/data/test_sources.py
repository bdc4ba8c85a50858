"""Sources: local folder, cache, download from a loopback server, and what auto falls back to."""

import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data import sources
from spikeseg_core.data.readers import pixel_sha256
from spikeseg_core.data.sources import (
    UnavailableError,
    isbi2012_is_here,
    read_isbi2012,
    read_source,
)
from spikeseg_core.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
MASKS = np.where(IMAGES > 60, 255, 0).astype(np.uint8)


class Listener:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.last_progress = (0.0, 0.0)

    def progress(self, done: float, total: float, message: str) -> None:
        self.last_progress = (done, total)

    def metric(self, name: str, value: float, step: int) -> None:
        raise AssertionError

    def say(self, message: str) -> None:
        self.said.append(message)


def tiff(stack: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    pages = [Image.fromarray(page) for page in stack]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


def challenge_zip(images: np.ndarray = IMAGES) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train-volume.tif", tiff(images))
        archive.writestr("train-labels.tif", tiff(MASKS))
        archive.writestr("test-volume.tif", tiff(images))
    return buffer.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves one body; can refuse first, lie about the length or send less."""

    body = b""
    refusals = 0
    missing_bytes = 0
    requests = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.requests <= self.server.refusals:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body[: len(self.server.body) - self.server.missing_bytes])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.body = challenge_zip()
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def small_challenge(monkeypatch, tmp_path):
    """Checksums of the small stand-in, no local folder, a cache of the test's own."""
    sums = {"train-volume": pixel_sha256(IMAGES), "train-labels": pixel_sha256(MASKS)}
    monkeypatch.setattr(sources, "ISBI_SHA256", sums)
    monkeypatch.delenv(sources.ISBI_VARIABLE, raising=False)
    monkeypatch.setenv(sources.CACHE_VARIABLE, str(tmp_path / "cache"))
    # Through a proxy the loopback server could not be reached.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/ISBI-2012-challenge.zip"


def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "isbi2012" / "ISBI-2012-challenge.zip"


@pytest.fixture
def offline(monkeypatch) -> None:
    monkeypatch.setattr(sources, "ISBI_URL", "http://127.0.0.1:9/ISBI-2012-challenge.zip")
    monkeypatch.setattr(sources, "_RETRIES", 0)


def test_download_then_cache(server, tmp_path):
    listener = Listener()
    assert not isbi2012_is_here()
    first = read_isbi2012(listener, url(server))
    np.testing.assert_array_equal(first.images.pixels, IMAGES)
    np.testing.assert_array_equal(first.labels.pixels, MASKS)
    assert first.source == "isbi2012"
    assert isbi2012_is_here()
    assert url(server) in first.note
    assert any("non-commercial" in message for message in listener.said)
    assert listener.last_progress == (len(server.body), len(server.body))
    assert list(cached(tmp_path).parent.iterdir()) == [cached(tmp_path)]
    second = read_isbi2012(Listener(), url(server))
    assert "the cache" in second.note
    assert server.requests == 1


def test_a_busy_server_is_asked_again(server):
    server.refusals = 1
    assert read_isbi2012(url=url(server)).source == "isbi2012"
    assert server.requests == 2


def test_a_damaged_cache_is_fetched_again(server, tmp_path):
    cached(tmp_path).parent.mkdir(parents=True)
    cached(tmp_path).write_bytes(challenge_zip()[:500])
    listener = Listener()
    assert read_isbi2012(listener, url(server)).note.endswith(url(server))
    assert "damaged" in listener.said[0]


@pytest.mark.parametrize("body", [b"<html>please log in</html>", challenge_zip(255 - IMAGES)])
def test_something_else_at_the_address_is_not_kept(server, tmp_path, body):
    server.body = body
    with pytest.raises(UnavailableError, match="gave something else"):
        read_isbi2012(url=url(server))
    assert not cached(tmp_path).exists()


def test_limits_and_cut_connections(server, tmp_path, monkeypatch):
    server.missing_bytes = 100
    with pytest.raises(UnavailableError, match=f"set {sources.ISBI_VARIABLE}"):
        read_isbi2012(url=url(server))
    server.missing_bytes = 0
    monkeypatch.setattr(sources, "MAX_DOWNLOAD_BYTES", 1000)
    with pytest.raises(UnavailableError, match="more than the 1,000"):
        read_isbi2012(url=url(server))
    assert not cached(tmp_path).exists()


def test_offline_names_the_way_out(offline):
    with pytest.raises(UnavailableError, match=r"cannot be fetched.*SPIKESEG_ISBI2012_DIR"):
        read_isbi2012()


@pytest.mark.parametrize("layout", ["folders", "stacks", "zip"])
def test_the_named_folder_comes_first(tmp_path, monkeypatch, layout):
    folder = tmp_path / "isbi"
    if layout == "folders":
        for name, stack in (("image", IMAGES), ("label", MASKS)):
            (folder / "train" / name).mkdir(parents=True)
            for number, page in enumerate(stack):
                Image.fromarray(page).save(folder / "train" / name / f"{number}.png")
    else:
        folder.mkdir()
        with zipfile.ZipFile(io.BytesIO(challenge_zip())) as archive:
            archive.extractall(folder)
        if layout == "zip":
            for file in folder.iterdir():
                file.unlink()
            (folder / "ISBI-2012-challenge.zip").write_bytes(challenge_zip())
    monkeypatch.setenv(sources.ISBI_VARIABLE, str(folder))
    source = read_source(DatasetConfig(source="auto"))
    assert source.source == "isbi2012"
    np.testing.assert_array_equal(source.images.pixels, IMAGES)


def test_a_named_folder_that_is_wrong_stops_even_auto(tmp_path, monkeypatch):
    monkeypatch.setenv(sources.ISBI_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="which does not exist; correct it or unset it"):
        read_source(DatasetConfig(source="auto"))
    (tmp_path / "train-volume.tif").write_bytes(tiff(255 - IMAGES))
    (tmp_path / "train-labels.tif").write_bytes(tiff(MASKS))
    monkeypatch.setenv(sources.ISBI_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=r"train-volume from .* is not the challenge's"):
        read_source(DatasetConfig(source="auto"))


def test_auto_falls_back_to_synthetic_and_says_so(offline):
    config = DatasetConfig(train_sections=1, validation_sections=1, test_sections=1)
    source = read_source(config.model_copy(update={"synthetic_size": 128}))
    assert source.source == "synthetic"
    assert source.images.pixels.shape == (3, 128, 128)
    assert source.note.startswith("SYNTHETIC sections, no microscopy")
    assert "could not be had" in source.note


def test_isbi2012_does_not_fall_back(offline):
    with pytest.raises(UnavailableError):
        read_source(DatasetConfig(source="isbi2012"))


def test_folder(tmp_path):
    (tmp_path / "images.tif").write_bytes(tiff(IMAGES))
    (tmp_path / "labels.tif").write_bytes(tiff(255 - MASKS))
    source = read_source(DatasetConfig(source="folder", path=str(tmp_path)))
    assert source.source == "folder"
    np.testing.assert_array_equal(source.labels.pixels, 255 - MASKS)
