"""ISBI 2012: local folder, cache, download from a loopback server."""

import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.sources import UnavailableError, fingerprint, isbi2012, read_source
from spikeseg_core.data.sources.isbi2012 import ISBI2012
from spikeseg_core.errors import DataError
from spikeseg_core.reporting import SILENT
from tests.spikeseg_core.data.sources.challenge import (
    IMAGES,
    MASKS,
    TEST_IMAGES,
    challenge_zip,
    tiff,
    write_images,
)
from tests.spikeseg_core.listener import Listener

CONFIG = DatasetConfig(source="isbi2012")


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


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/ISBI-2012-challenge.zip"


def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "isbi2012" / "ISBI-2012-challenge.zip"


def test_download_then_cache(server, tmp_path):
    listener = Listener()
    assert not ISBI2012().available()
    first = ISBI2012(url(server)).read(CONFIG, listener)
    np.testing.assert_array_equal(first.images.pixels, IMAGES)
    np.testing.assert_array_equal(first.labels.pixels, MASKS)
    np.testing.assert_array_equal(first.unlabelled.pixels, TEST_IMAGES)
    assert first.source == "isbi2012"
    assert ISBI2012().available()
    assert url(server) in first.note
    assert any("non-commercial" in message for message in listener.said)
    assert listener.progressed[-1][:2] == (len(server.body), len(server.body))
    assert list(cached(tmp_path).parent.iterdir()) == [cached(tmp_path)]
    second = ISBI2012(url(server)).read(CONFIG, SILENT)
    assert "the cache" in second.note
    assert server.requests == 1


def test_a_busy_server_is_asked_again(server):
    server.refusals = 1
    assert ISBI2012(url(server)).read(CONFIG, SILENT).source == "isbi2012"
    assert server.requests == 2


def test_a_damaged_cache_is_fetched_again(server, tmp_path):
    cached(tmp_path).parent.mkdir(parents=True)
    cached(tmp_path).write_bytes(challenge_zip()[:500])
    listener = Listener()
    assert ISBI2012(url(server)).read(CONFIG, listener).note.endswith(url(server))
    assert "damaged" in listener.said[0]


@pytest.mark.parametrize("body", [b"<html>please log in</html>", challenge_zip(255 - IMAGES)])
def test_something_else_at_the_address_is_not_kept(server, tmp_path, body):
    server.body = body
    with pytest.raises(UnavailableError, match="returned something else"):
        ISBI2012(url(server)).read(CONFIG, SILENT)
    assert not cached(tmp_path).exists()


def test_limits_and_cut_connections(server, tmp_path, monkeypatch):
    server.missing_bytes = 100
    with pytest.raises(UnavailableError, match=f"set {isbi2012.ISBI_VARIABLE}"):
        ISBI2012(url(server)).read(CONFIG, SILENT)
    server.missing_bytes = 0
    monkeypatch.setattr(isbi2012, "MAX_DOWNLOAD_BYTES", 1000)
    with pytest.raises(UnavailableError, match="more than the 1,000"):
        ISBI2012(url(server)).read(CONFIG, SILENT)
    assert not cached(tmp_path).exists()


def test_offline_names_the_way_out(offline):
    with pytest.raises(UnavailableError, match=r"cannot be fetched.*SPIKESEG_ISBI2012_DIR"):
        ISBI2012().read(CONFIG, SILENT)


def test_isbi2012_does_not_fall_back(offline):
    with pytest.raises(UnavailableError):
        read_source(DatasetConfig(source="isbi2012"))


@pytest.mark.parametrize("layout", ["folders", "stacks", "zip"])
def test_the_named_folder_comes_first(tmp_path, monkeypatch, layout):
    folder = tmp_path / "isbi"
    if layout == "folders":
        write_images(folder / "train" / "image", IMAGES)
        write_images(folder / "train" / "label", MASKS)
        write_images(folder / "test" / "image", TEST_IMAGES)
    else:
        folder.mkdir()
        with zipfile.ZipFile(io.BytesIO(challenge_zip())) as archive:
            archive.extractall(folder)
        if layout == "zip":
            for file in folder.iterdir():
                file.unlink()
            (folder / "ISBI-2012-challenge.zip").write_bytes(challenge_zip())
    monkeypatch.setenv(isbi2012.ISBI_VARIABLE, str(folder))
    source = read_source(DatasetConfig(source="auto"))
    assert source.source == "isbi2012"
    np.testing.assert_array_equal(source.images.pixels, IMAGES)
    np.testing.assert_array_equal(source.unlabelled.pixels, TEST_IMAGES)
    assert fingerprint(CONFIG) == {"source": "isbi2012"}


@pytest.mark.parametrize("there", ["nothing", "another volume"])
def test_a_folder_may_lack_the_sections_without_labels(tmp_path, monkeypatch, there):
    write_images(tmp_path / "train" / "image", IMAGES)
    write_images(tmp_path / "train" / "label", MASKS)
    monkeypatch.setenv(isbi2012.ISBI_VARIABLE, str(tmp_path))
    if there == "nothing":
        assert fingerprint(CONFIG) != {"source": "isbi2012"}
    else:
        (tmp_path / "test-volume.tif").write_bytes(tiff(255 - TEST_IMAGES))
    listener = Listener()
    assert ISBI2012().read(CONFIG, listener).unlabelled is None
    why = "has neither test/image nor" if there == "nothing" else "is not the challenge's"
    assert any(line.startswith("no sections without") and why in line for line in listener.said)


def test_a_named_folder_that_is_wrong_stops_even_auto(tmp_path, monkeypatch):
    monkeypatch.setenv(isbi2012.ISBI_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="which does not exist; correct it or unset it"):
        read_source(DatasetConfig(source="auto"))
    (tmp_path / "train-volume.tif").write_bytes(tiff(255 - IMAGES))
    (tmp_path / "train-labels.tif").write_bytes(tiff(MASKS))
    monkeypatch.setenv(isbi2012.ISBI_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=r"train-volume from .* is not the challenge's"):
        read_source(DatasetConfig(source="auto"))
