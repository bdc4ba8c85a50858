"""Champion and challenger: aliases of the deployed networks in MLflow's model registry.

A registered model is named after the preset; each network deployed on real sections is a version
of it. The ``champion`` is the one to use, the ``challenger`` the newest. The tags of a version hold
its data, scores on the validation split, energy, and the reason for its standing.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikeseg_core.config import PromotionConfig
from spikeseg_core.errors import ConfigError, SpikeSegError
from tasks.folder import read_record
from tasks.lookup import stage_and_those_before
from tasks.mlflow.promotion import SYNTHETIC, WAITING, Decision, decide, figures_of
from tasks.mlflow.reader import Reader
from tasks.mlflow.registered import RUN_ID, version_of_model
from tasks.mlflow.store import KEY_TAG, Run, Store, store
from tasks.prefect.logger import run_logger
from tasks.provenance import dataset_facts, is_synthetic
from tasks.references import StageRef

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
STATE_TAG, REASON_TAG = "promotion", "promotion.reason"

ABOUT = (
    "U-Nets of the preset {preset}, as 8-bit integers on Loihi's emulator: grey sections in, "
    "membrane probability out. Use the `champion`. The `challenger` is the newest version that "
    "did not replace it; each version gives the reason."
)


@dataclass(frozen=True)
class Standing:
    """A deployed network in the registry."""

    name: str
    version: str | None
    """None if it was not registered."""
    alias: str | None
    """``champion`` or ``challenger``; None if later versions are."""
    decision: Decision

    @property
    def title(self) -> str:
        """Name, version and alias."""
        if self.version is None:
            return "not registered"
        return f"{self.name}/{self.version}, {self.alias or 'neither champion nor challenger'}"

    def __str__(self) -> str:
        """Title and reason in one line."""
        return f"{self.title}: {self.decision.reason}"

    def tags(self) -> dict[str, str]:
        """Tags for an MLflow run."""
        name = {} if self.version is None else {"model": f"{self.name}/{self.version}"}
        return {**name, STATE_TAG: self.decision.state, REASON_TAG: self.decision.reason}

    def plain(self) -> dict[str, str | None]:
        """Everything as JSON."""
        found = {"name": self.name, "version": self.version, "alias": self.alias}
        return found | {"decision": self.decision.state, "reason": self.decision.reason}


def consider(
    deployed: StageRef, benchmarked: StageRef | None, rule: PromotionConfig
) -> Standing | None:
    """Register a deployed network, and make it champion if the rule says so.

    An earlier decision on the same network stands. Returns None if MLflow did not answer or has no
    model of the network; the next run tries again.
    """
    at = store()
    if at.rests:
        return None
    try:
        return _consider(Registry(at), deployed, benchmarked, rule)
    except Exception as error:  # a read-only registry must not stop the rest
        run_logger().warning(
            "MLflow at %s did not register the model (%s: %.200s); the next run tries again",
            *(at.uri, type(error).__name__, error),
        )
        return None


def _consider(
    registry: Registry, deployed: StageRef, benchmarked: StageRef | None, rule: PromotionConfig
) -> Standing | None:
    preset = read_record(deployed.folder).preset
    if is_synthetic(dataset_facts(deployed.inputs)):
        return _logged(Standing(preset, None, None, SYNTHETIC))
    version = registry.register(preset, deployed, figures_of(deployed, benchmarked))
    if version is None:
        return None
    if version.tags.get(STATE_TAG, WAITING) != WAITING:
        return registry.standing(version)
    return _logged(registry.weigh(version, rule))


def promote(model: str, why: str | None, by: str | None, rule: PromotionConfig) -> Standing:
    """Compare a model with the champion again, or make it champion by hand.

    Parameters
    ----------
    model : str
        A registered model as for :func:`tasks.mlflow.registered.version_of_model`, or the MLflow
        run id of a deployment or a pipeline, which is registered if necessary.
    why : str or None
        Reason for making it champion by hand; None lets the rule decide.
    by : str or None
        Who decided; None for the user of this process.
    rule : PromotionConfig

    Raises
    ------
    ConfigError
        If there is no such model or run, or MLflow has no model of the run.
    SpikeSegError
        If MLflow refuses or does not answer.
    """
    at = store()
    try:
        registry = Registry(at)
        version = registry.of_run(model) if RUN_ID.fullmatch(model) else version_of_model(model)
        if why is None:
            return _logged(registry.weigh(version, rule))
        return _logged(registry.settle(version, Decision("by hand", f"{by or _user()}: {why}")))
    except SpikeSegError:
        raise
    except Exception as error:
        raise SpikeSegError(f"MLflow at {at.uri} did not promote the model: {error}") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def _logged(standing: Standing) -> Standing:
    run_logger().info("model %s", standing)
    return standing


class Registry:
    """MLflow's model registry."""

    def __init__(self, at: Store) -> None:
        self.store = at
        self.client = at.client

    def register(
        self, name: str, deployed: StageRef, figures: Mapping[str, str]
    ) -> ModelVersion | None:
        """Find or create the version of a deployed network; None if MLflow has no model of it.

        A new version becomes challenger; an existing one gets the figures that it lacks.
        """
        found = self.client.search_model_versions(
            f"name = '{name}' and tags.`{KEY_TAG}` = '{deployed.key}'"
        )
        if found:
            version = max(found, key=lambda each: int(each.version))
            for tag, value in figures.items():
                if version.tags.get(tag) != value:
                    self.client.set_model_version_tag(name, version.version, tag, value)
            return self.client.get_model_version(name, version.version)
        if deployed.mlflow_run_id is None:
            return None
        model = Reader(self.store).logged_model(deployed.mlflow_run_id)
        if model is None:
            return None
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name, description=ABOUT.format(preset=name))
        made = self.client.create_model_version(
            name,
            model.artifact_location,
            run_id=deployed.mlflow_run_id,
            tags=dict(figures),
            model_id=model.model_id,
        )
        self.client.set_registered_model_alias(name, CHALLENGER, made.version)
        return self.client.get_model_version(name, made.version)

    def of_run(self, run_id: str) -> ModelVersion:
        """Find or create the version for the MLflow run of a deployment or pipeline."""
        try:
            stages = stage_and_those_before("benchmark", run_id)
        except ConfigError:
            stages = stage_and_those_before("deploy", run_id)
        deployed, benchmarked = stages["deploy"], stages.get("benchmark")
        name = read_record(deployed.folder).preset
        version = self.register(name, deployed, figures_of(deployed, benchmarked))
        if version is None:
            raise ConfigError(
                f"run {run_id} has no model in {self.store.uri}; run the pipeline again, which "
                f"logs what is missing"
            )
        return version

    def weigh(self, version: ModelVersion, rule: PromotionConfig) -> Standing:
        """Compare a version with the champion by the rule, and settle it."""
        number = self.aliases(version.name).get(CHAMPION)
        if number == str(version.version):
            return self.standing(version)
        champion = None
        if number is not None:
            champion = self.client.get_model_version(version.name, number).tags
        return self.settle(version, decide(version.tags, champion, rule))

    def settle(self, version: ModelVersion, decision: Decision) -> Standing:
        """Record the decision with the version and its run, and set the aliases."""
        name, number = version.name, str(version.version)
        before = self.aliases(name)
        if decision.is_champion:
            if (old := before.get(CHAMPION)) not in (None, number):
                decision = Decision(decision.state, f"{decision.reason}; before it: {name}/{old}")
            self.client.set_registered_model_alias(name, CHAMPION, number)
            if before.get(CHALLENGER) == number:
                self.client.delete_registered_model_alias(name, CHALLENGER)
        for tag, value in ((STATE_TAG, decision.state), (REASON_TAG, decision.reason)):
            self.client.set_model_version_tag(name, number, tag, value)
        self.client.update_model_version(name, number, decision.reason)
        standing = self.standing(self.client.get_model_version(name, number))
        if version.run_id:
            Run(self.store, version.run_id).tags(standing.tags())
        return standing

    def standing(self, version: ModelVersion) -> Standing:
        """Return a version's current alias and the decision on it."""
        aliases, number = self.aliases(version.name), str(version.version)
        own = (one for one in (CHAMPION, CHALLENGER) if aliases.get(one) == number)
        tags = version.tags
        decision = Decision(
            tags.get(STATE_TAG, "by hand"), tags.get(REASON_TAG, "on MLflow's page")
        )
        return Standing(version.name, number, next(own, None), decision)

    def aliases(self, name: str) -> dict[str, str]:
        """Versions by alias."""
        found = self.client.get_registered_model(name).aliases
        return {alias: str(number) for alias, number in found.items()}
