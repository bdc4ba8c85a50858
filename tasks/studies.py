"""The sweeps that come with the project: one file each in ``deployments/sweeps``."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spikeseg_core.config.overrides import parsed, shortened, source
from spikeseg_core.config.yaml_text import MOST_BYTES, read_yaml
from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Sweep

FOLDER = Path(__file__).resolve().parents[1] / "deployments" / "sweeps"


class Study(StrEnum):
    """Names of the sweeps that come with the project, as offered in Prefect's form."""

    operating_point = "operating-point"
    cross_validation = "cross-validation"
    energy_claims = "energy-claims"
    architecture = "architecture"
    least_energy = "least-energy"
    ablation_rate_loss = "ablation-rate-loss"
    ablation_activation = "ablation-activation"
    ablation_bits = "ablation-bits"
    ablation_presentation = "ablation-presentation"
    ablation_start = "ablation-start"
    synaptic_operations = "synaptic-operations"


def definition(name_or_file: str) -> Sweep:
    """Read a sweep by its name in ``deployments/sweeps``, or from any YAML file.

    Raises
    ------
    ConfigError
        If there is no such sweep, or the file is not a valid one; lists each wrong setting.
    """
    path = FOLDER / f"{name_or_file}.yaml"
    if not path.is_file():
        path = Path(name_or_file)
    if not path.is_file():
        known = ", ".join(study.value for study in Study)
        raise ConfigError(
            f"there is no sweep {name_or_file!r}; choose one of {known}, or give a YAML file"
        )
    try:
        with path.open("rb") as file:
            return Sweep.model_validate(read_yaml(file.read(MOST_BYTES + 1)))
    except ValidationError as error:
        raise ConfigError(f"{path}:\n{shortened(error)}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not YAML that is read: {error}") from None


def fixed(dataset: str, changes: Iterable[str]) -> dict[str, Any]:
    """Return the settings of the command line that hold for every point, by dotted name.

    Raises
    ------
    ConfigError
        If a change cannot be read, or there is no such dataset.
    """
    from spikeseg_core.config.presets import flat

    own = {} if dataset == "auto" else {"dataset": source(dataset)}
    return flat(parsed(changes)) | flat(own)
