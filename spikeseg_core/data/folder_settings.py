"""``spikeseg.yaml`` in a folder of sections: what cannot be seen by looking."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from spikeseg_core.config.yaml_text import read_yaml
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.errors import DataError

SETTINGS_FILE = "spikeseg.yaml"
_MOST_BYTES = 2**16


class FolderSettings(BaseModel):
    """Contents of ``spikeseg.yaml``; every key may be missing.

    Attributes
    ----------
    images, labels : str
        A folder, file or pattern (``raw/*.tif``), or ``FILE.h5:DATASET``, inside the folder.
    polarity : str
        As the setting ``dataset.polarity``.
    channel, label_channel : str or int
        Name or number (from 0) of the channel to read.
    ignore : int
        Label of pixels that nobody labelled; they get the nearest label.
    instances : bool
        Whether the labels are numbers of cells, between which membranes are drawn.
    pairs : str
        ``name``, or ``order`` if names say nothing: the first image goes with the first label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str | None = None
    labels: str | None = None
    polarity: Literal["auto", "membrane_dark", "membrane_bright"] = "auto"
    channel: int | str | None = None
    label_channel: int | str | None = None
    ignore: int | None = None
    instances: bool | None = None
    pairs: Literal["name", "order"] = "name"


def _misnamed(folder: Path) -> Path | None:
    stems = ("spikeseg.yml", SETTINGS_FILE)
    try:
        return next((e for e in folder.iterdir() if e.name.lower() in stems), None)
    except OSError:
        return None


def read_settings(folder: Path) -> FolderSettings:
    """Read a folder's settings; without the file, the defaults.

    Raises
    ------
    DataError
        If the file is no such YAML, over 64 KiB, or has an unknown key.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        if other := _misnamed(folder):
            raise DataError(f"{shown_name(other)} is not read: call it {SETTINGS_FILE}")
        return FolderSettings()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ValueError(f"it has over {_MOST_BYTES:,} bytes")
        return FolderSettings.model_validate(read_yaml(text) or {})
    except ValidationError as error:
        lines = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
            for problem in error.errors()[:5]
        )
        keys = ", ".join(FolderSettings.model_fields)
        raise DataError(f"{shown_name(path)}: {lines}; the keys are {keys}") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{shown_name(path)} cannot be read ({reason}); correct it") from error
