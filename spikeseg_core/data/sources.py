"""Where sections come from: the ISBI 2012 challenge, a folder of one's own, or the generator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import Stack, pixel_sha256, read_pair
from spikeseg_core.data.synthetic import synthetic_sections
from spikeseg_core.errors import DataError
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.storage import atomic_path

ISBI_VARIABLE = "SPIKESEG_ISBI2012_DIR"
"""Names the folder that holds the challenge's data."""
CACHE_VARIABLE = "SPIKESEG_CACHE_DIR"
"""Names the folder that downloads are kept in."""

ISBI_URL = "https://downloads.imagej.net/ISBI-2012-challenge.zip"
ISBI_SHA256 = {
    "train-volume": "200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
    "train-labels": "a7cb64000a1a7e542682927e19c91339f58f9f178e0bcce4e207371116f0ca36",
}
"""sha256 of the decoded stacks: uint8, C order, (30, 512, 512)."""
ISBI_TERMS = (
    "ISBI 2012 challenge data: serial-section TEM of the Drosophila first-instar larva ventral "
    "nerve cord. Terms: 'You are free to use this data set for the purpose of generating or "
    "testing non-commercial image segmentation software.' Cite TrakEM2 and Cardona et al. 2010, "
    "PLoS Biol 8(10):e1000502, doi:10.1371/journal.pbio.1000502; the challenge is "
    "Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142."
)

MAX_DOWNLOAD_BYTES = 200 * 2**20
"""Most bytes that are downloaded, 200 MiB."""
_TIMEOUT_S = (5.0, 30.0)  # to connect, and between two packets
_RETRIES = 2
_CHUNK_BYTES = 2**18


class UnavailableError(DataError):
    """Data that is not here and cannot be fetched; with the source ``auto`` no reason to stop."""


@dataclass(frozen=True)
class Source:
    """Sections and masks as a source holds them.

    Attributes
    ----------
    images, labels : Stack
        Of the same shape; labels with two grey values of either polarity.
    source : str
        ``"isbi2012"``, ``"folder"`` or ``"synthetic"``.
    note : str
        Where they came from and why.
    """

    images: Stack
    labels: Stack
    source: str
    note: str


def read_source(config: DatasetConfig, report: Reporter = SILENT) -> Source:
    """Read the source that a configuration names.

    ``auto`` is ISBI 2012 when it can be had, else synthetic sections, with the reason in the note.

    Raises
    ------
    DataError
        If the source cannot be read. With ``auto`` also if data is there but damaged.
    """
    if config.source == "folder":
        return read_folder(Path(config.path or ""))
    if config.source == "synthetic":
        return read_synthetic(config, "as configured")
    try:
        return read_isbi2012(report)
    except UnavailableError as error:
        if config.source == "isbi2012":
            raise
        return read_synthetic(config, f"because ISBI 2012 could not be had: {error}")


def read_folder(path: Path) -> Source:
    """Read a user's own folder, TIFF stack or zip (:func:`~spikeseg_core.data.readers.read_pair`).

    Raises
    ------
    DataError
        If it cannot be read.
    """
    images, labels = read_pair(path)
    return Source(images, labels, "folder", f"{len(images.names)} sections read from {path}")


def read_synthetic(config: DatasetConfig, why: str) -> Source:
    """Generate synthetic sections, as many as the splits want."""
    count = config.train_sections + config.validation_sections + config.test_sections
    size, seed = config.synthetic_size, config.synthetic_seed
    images, labels = synthetic_sections(count, size, seed)
    names = tuple(f"synthetic-{index}" for index in range(count))
    return Source(
        Stack(images, names),
        Stack(np.where(labels == 1, 0, 255).astype(np.uint8), names),
        "synthetic",
        f"SYNTHETIC sections, no microscopy ({count} of {size} x {size} px, seed {seed}), {why}",
    )


def read_isbi2012(
    report: Reporter = SILENT, url: str | None = None, cache: Path | None = None
) -> Source:
    """Read the challenge's training stack from disk, the cache or its public address.

    The folder named by ``SPIKESEG_ISBI2012_DIR`` comes first (``train/image`` and ``train/label``,
    or ``train-volume.tif`` and ``train-labels.tif``, or the zip), then the cache, then a download
    into the cache. The decoded pixels must have the published checksums.

    Parameters
    ----------
    report : Reporter
        Is shown the terms of use, and progress of a download.
    url : str, optional
        Address of the zip; by default :data:`ISBI_URL`.
    cache : Path, optional
        Folder of the cache; by default that of :func:`cache_folder`.

    Raises
    ------
    UnavailableError
        If the data is neither here nor to be fetched.
    DataError
        If it is here but damaged.
    """
    if named := os.environ.get(ISBI_VARIABLE):
        folder = Path(named)
        if not folder.exists():
            raise DataError(
                f"{ISBI_VARIABLE} names {folder}, which does not exist; correct it or unset it"
            )
        archive = folder / Path(ISBI_URL).name
        where = f"{ISBI_VARIABLE} ({folder})"
        images, labels = _checked_isbi(archive if archive.exists() else folder, where)
    else:
        archive = _archive(cache or cache_folder())
        images, labels, where = _cached_isbi(archive, url or ISBI_URL, report)
    report.say(ISBI_TERMS)
    return Source(
        images, labels, "isbi2012", f"ISBI 2012 challenge, {len(images.names)} sections, {where}"
    )


def _cached_isbi(archive: Path, url: str, report: Reporter) -> tuple[Stack, Stack, str]:
    if archive.exists():
        try:
            return *_checked_isbi(archive, str(archive)), f"the cache ({archive})"
        except DataError as error:
            report.say(f"the cache is damaged and fetched again: {error}")
            archive.unlink()
    download(url, archive, report)
    try:
        return *_checked_isbi(archive, url), url
    except DataError as error:
        archive.unlink()
        raise UnavailableError(f"{url} gave something else: {error}") from error


def _checked_isbi(path: Path, where: str) -> tuple[Stack, Stack]:
    images, labels = read_pair(path)
    for name, stack in (("train-volume", images), ("train-labels", labels)):
        found = pixel_sha256(stack.pixels)
        if found != ISBI_SHA256[name]:
            raise DataError(
                f"{name} from {where} is not the challenge's: its pixels {stack.pixels.shape} "
                f"have sha256 {found[:12]}..., expected {ISBI_SHA256[name][:12]}...; get it again, "
                "or read data of your own with the source 'folder'"
            )
    return images, labels


def isbi2012_is_here() -> bool:
    """Tell whether the challenge's data is on this machine, named or in the cache."""
    return bool(os.environ.get(ISBI_VARIABLE)) or _archive(cache_folder()).exists()


def cache_folder() -> Path:
    """Give the folder downloads are kept in: ``SPIKESEG_CACHE_DIR``, else the user's cache."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikeseg"


def _archive(cache: Path) -> Path:
    return cache / "isbi2012" / Path(ISBI_URL).name


def download(url: str, path: Path, report: Reporter = SILENT) -> None:
    """Download a file, at most 200 MiB; it is whole or absent.

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
                    f"{MAX_DOWNLOAD_BYTES:,} that are downloaded; check the address"
                )
            file.write(chunk)
            report.progress(done, max(done, expected), "downloading ISBI 2012")
    if done < expected:
        raise requests.ConnectionError(f"{done} of {expected} bytes arrived")
