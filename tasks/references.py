"""References that tasks pass to each other: a finished stage by name and key, not its arrays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlparse

from pydantic import BaseModel, ConfigDict, Field


class StageRef(BaseModel):
    """A finished stage."""

    model_config = ConfigDict(frozen=True)

    stage: str = Field(description="name of the stage")
    key: str = Field(description="digest of what determines the stage's content")
    uri: str = Field(description="folder with the stage's files, as file://")
    sha256: str = Field(description="digest of the stage's content")
    mlflow_run_id: str | None = Field(None, description="its MLflow run, if there is one")
    inputs: dict[str, str] = Field(
        default_factory=dict, description="keys of all stages before it, by name"
    )

    @property
    def folder(self) -> Path:
        """The stage's folder on this machine."""
        return Path(unquote(urlparse(self.uri).path))


def closure(upstream: Iterable[StageRef]) -> dict[str, str]:
    """Keys of the stages and of all stages before them, by stage name."""
    keys: dict[str, str] = {}
    for ref in upstream:
        keys |= {**ref.inputs, ref.stage: ref.key}
    return keys
