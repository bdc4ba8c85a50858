"""The state of a training run, saved so that a killed run can be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.ann.averaging import WeightAverage
from spikeseg_core.storage import load_arrays, save_arrays


@dataclass
class TrainingState:
    """Everything needed to resume training, in memory and in one file.

    ``best`` are the averaged weights after the epoch with the lowest ``validation/loss``.

    Attributes
    ----------
    path : Path
        The file (npz, no pickle), written atomically after every epoch.
    """

    model: Any
    optimizer: Any
    average: WeightAverage
    path: Path
    epoch: int = 0
    best_epoch: int = 0
    best: list[np.ndarray] = field(default_factory=list)
    records: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs_without_progress(self) -> int:
        """Count the epochs since the best one."""
        return self.epoch - self.best_epoch

    def finish_epoch(self, record: dict[str, float]) -> None:
        """Count the epoch, remember the weights if they are the best, and write the file."""
        self.epoch += 1
        self.records.append(record)
        losses = [r["validation/loss"] for r in self.records]
        if losses[-1] == min(losses):
            self.best_epoch, self.best = self.epoch, self.average.get()
        columns = list(record)
        save_arrays(
            self.path,
            _numbered("model", self.model.get_weights())
            | _numbered("optimizer", [v.numpy() for v in self.optimizer.variables])
            | _numbered("average", self.average.state())
            | _numbered("best", self.best)
            | {
                "best_epoch": np.array(self.best_epoch),
                "columns": np.array(columns),
                "history": np.array([[r[c] for c in columns] for r in self.records]),
            },
        )

    def load(self) -> bool:
        """Resume after the last finished epoch, if there is one."""
        if not self.path.exists():
            return False
        arrays = load_arrays(self.path)
        self.model.set_weights(_list_of("model", arrays))
        for variable, value in zip(
            self.optimizer.variables, _list_of("optimizer", arrays), strict=True
        ):
            variable.assign(value)
        self.average.set_state(_list_of("average", arrays))
        self.best, self.best_epoch = _list_of("best", arrays), int(arrays["best_epoch"])
        columns = [str(c) for c in arrays["columns"]]
        self.records = [
            dict(zip(columns, map(float, row), strict=True)) for row in arrays["history"]
        ]
        self.epoch = len(self.records)
        return True

    def restore_best(self) -> None:
        """Give the model the averaged weights of the epoch with the lowest validation loss."""
        if self.best:
            self.model.set_weights(self.best)

    def history(self) -> pd.DataFrame:
        """Return the recorded numbers, one row per epoch."""
        frame = pd.DataFrame(self.records)
        frame.insert(0, "epoch", range(1, len(frame) + 1))
        return frame


def _numbered(name: str, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}:{i}": array for i, array in enumerate(arrays)}


def _list_of(name: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    count = sum(key.startswith(f"{name}:") for key in arrays)
    return [arrays[f"{name}:{i}"] for i in range(count)]
