import pytest

from spikeseg_core.data.readers import pixel_sha256
from spikeseg_core.data.sources import isbi2012
from spikeseg_core.storage import CACHE_VARIABLE
from tests.spikeseg_core.data.sources.challenge import IMAGES, MASKS, TEST_IMAGES


@pytest.fixture(autouse=True)
def small_challenge(monkeypatch, tmp_path):
    """Checksums of the small stand-in, no local folder, a cache of the test's own."""
    sums = {
        "train-volume": pixel_sha256(IMAGES),
        "train-labels": pixel_sha256(MASKS),
        "test-volume": pixel_sha256(TEST_IMAGES),
    }
    monkeypatch.setattr(isbi2012, "ISBI_SHA256", sums)
    monkeypatch.delenv(isbi2012.ISBI_VARIABLE, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    # Through a proxy the loopback server could not be reached.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def offline(monkeypatch) -> None:
    monkeypatch.setattr(isbi2012, "ISBI_URL", "http://127.0.0.1:9/ISBI-2012-challenge.zip")
    monkeypatch.setattr(isbi2012, "_RETRIES", 0)
