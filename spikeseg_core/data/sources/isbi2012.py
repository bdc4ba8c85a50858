"""Source ``isbi2012``: the ISBI 2012 challenge, labelled sections and those without labels."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import (
    Stack,
    pixel_sha256,
    read_pair,
    read_stack,
    read_zip_stack,
)
from spikeseg_core.data.sources.base import Sections, UnavailableError
from spikeseg_core.errors import DataError
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.storage import atomic_path, cache_folder

ISBI_VARIABLE = "SPIKESEG_ISBI2012_DIR"
"""Environment variable for the folder of the challenge's data."""

ISBI_URL = "https://downloads.imagej.net/ISBI-2012-challenge.zip"
ISBI_SHA256 = {
    "train-volume": "200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
    "train-labels": "a7cb64000a1a7e542682927e19c91339f58f9f178e0bcce4e207371116f0ca36",
    "test-volume": "1b58fa7ec1d0ff9d39a855622db3ff66a97863036339b0d04be51b2f5a99b0e9",
}
"""sha256 of the decoded stacks: uint8, C order, (30, 512, 512)."""
ISBI_TERMS = (
    "ISBI 2012 challenge data: serial-section TEM of the Drosophila first-instar larva ventral "
    "nerve cord. Terms: 'You are free to use this data set for the purpose of generating or "
    "testing non-commercial image segmentation software.' Cite TrakEM2 and Cardona et al. 2010, "
    "PLoS Biol 8(10):e1000502, doi:10.1371/journal.pbio.1000502; the challenge is "
    "Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142."
)

ISBI_PIXEL_NM = (4.0, 4.0)
"""Height and width of a pixel (Cardona et al. 2010); the files do not say it."""

MAX_DOWNLOAD_BYTES = 200 * 2**20
"""Maximum size of a download, 200 MiB."""
_TIMEOUT_S = (5.0, 30.0)  # to connect, and between packets
_RETRIES = 2
_CHUNK_BYTES = 2**18


class ISBI2012:
    """The challenge's training stack, from disk, the cache or its public address ``url``.

    The folder in ``SPIKESEG_ISBI2012_DIR`` comes first (``train/image`` and ``train/label``,
    or ``train-volume.tif`` and ``train-labels.tif``, or the zip), then the cache, then a download
    into the cache. The decoded pixels must have the published checksums.

    The challenge's test volume (``test/image`` or ``test-volume.tif`` beside them) are the sections
    without labels. Where it is missing or another, they are left out, and the log says so.
    """

    name = "isbi2012"

    def __init__(self, url: str | None = None) -> None:
        self.url = url or ISBI_URL

    def available(self) -> bool:
        """Return whether the challenge's data is in the named folder or the cache."""
        return bool(os.environ.get(ISBI_VARIABLE)) or _archive().exists()

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Read the stack; report the terms of use, and the progress of a download."""
        if named := os.environ.get(ISBI_VARIABLE):
            folder = Path(named)
            if not folder.exists():
                raise DataError(
                    f"{ISBI_VARIABLE} names {folder}, which does not exist; correct it or unset it"
                )
            archive = folder / Path(ISBI_URL).name
            where = f"{ISBI_VARIABLE} ({folder})"
            path = archive if archive.exists() else folder
            images, labels = _checked(path, where)
        else:
            path = _archive()
            images, labels, where = _cached(path, self.url, report)
        report.say(ISBI_TERMS)
        note = f"ISBI 2012 challenge, {len(images.names)} sections, {where}"
        images = replace(images, pixel_nm=ISBI_PIXEL_NM)
        return Sections(images, labels, self.name, note, unlabelled=_test_volume(path, report))

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Return the name and what is missing: published checksums fix the pixels."""
        named = os.environ.get(ISBI_VARIABLE)
        if named and not _test_files(Path(named)):
            return {"source": self.name, "unlabelled_files": []}
        return {"source": self.name}


def _cached(archive: Path, url: str, report: Reporter) -> tuple[Stack, Stack, str]:
    if archive.exists():
        try:
            return *_checked(archive, str(archive)), f"the cache ({archive})"
        except DataError as error:
            report.say(f"the cache is damaged and is downloaded again: {error}")
            archive.unlink()
    download(url, archive, report)
    try:
        return *_checked(archive, url), url
    except DataError as error:
        archive.unlink()
        raise UnavailableError(f"{url} returned something else: {error}") from error


def _checked(path: Path, where: str) -> tuple[Stack, Stack]:
    images, labels = read_pair(path)
    for name, stack in (("train-volume", images), ("train-labels", labels)):
        found = pixel_sha256(stack.pixels)
        if found != ISBI_SHA256[name]:
            raise DataError(
                f"{name} from {where} is not the challenge's: its pixels {stack.pixels.shape} "
                f"have sha256 {found[:12]}..., expected {ISBI_SHA256[name][:12]}...; "
                "download it again, or read your own data with the source 'folder'"
            )
    return images, labels


def _test_volume(path: Path, report: Reporter) -> Stack | None:
    """Read the challenge's test volume; None, and said, if it is missing or another."""
    name = "test-volume"
    try:
        if path.suffix == ".zip":
            found = read_zip_stack(path, f"{name}.tif")
        elif files := _test_files(path):
            found = read_stack(files[0])
        else:
            raise DataError(f"{path} has neither test/image nor {name}.tif")
        if (digest := pixel_sha256(found.pixels)) != ISBI_SHA256[name]:
            raise DataError(
                f"{name} in {path} is not the challenge's: its pixels {found.pixels.shape} have "
                f"sha256 {digest[:12]}..., expected {ISBI_SHA256[name][:12]}..."
            )
    except DataError as error:
        report.say(f"no sections without labels: {error}")
        return None
    return found


def _test_files(folder: Path) -> list[Path]:
    """Where a folder may hold the test volume: the first that exists is read."""
    places = (Path(ISBI_URL).name, "test/image", "test-volume.tif")
    return [folder / place for place in places if (folder / place).exists()]


def _archive() -> Path:
    return cache_folder() / "isbi2012" / Path(ISBI_URL).name


def download(url: str, path: Path, report: Reporter = SILENT) -> None:
    """Download a file of at most 200 MiB, atomically.

    Raises
    ------
    UnavailableError
        If it cannot be fetched or is larger.
    """
    report.say(f"downloading {url}; {ISBI_TERMS}")
    try:
        with requests.Session() as session, atomic_path(path) as temporary:
            retry = Retry(_RETRIES, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            with session.get(url, stream=True, timeout=_TIMEOUT_S) as response:
                response.raise_for_status()
                _save(response, temporary, report)
    except requests.RequestException as error:
        raise UnavailableError(
            f"{url} cannot be fetched ({type(error).__name__}). Download it elsewhere, unpack it, "
            f"and set {ISBI_VARIABLE} to the folder with train-volume.tif and train-labels.tif "
            "(or with train/image and train/label)"
        ) from error


def _save(response: requests.Response, path: Path, report: Reporter) -> None:
    expected = int(response.headers.get("Content-Length") or 0)
    done = 0
    with path.open("wb") as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            done += len(chunk)
            if max(done, expected) > MAX_DOWNLOAD_BYTES:
                raise UnavailableError(
                    f"{response.url} has {max(done, expected):,} bytes, more than the "
                    f"{MAX_DOWNLOAD_BYTES:,} allowed; check the address"
                )
            file.write(chunk)
            report.progress(done, max(done, expected), "downloading ISBI 2012")
    if done < expected:
        raise requests.ConnectionError(f"{done} of {expected} bytes arrived")
