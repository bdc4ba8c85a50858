"""What the registered networks make of new sections, said before one is trained for them."""

from __future__ import annotations

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.evaluation.scorer import Scorer
from tasks.finished import load, network_of
from tasks.mlflow.champion import CHAMPION
from tasks.mlflow.store import store
from tasks.prefect.logger import run_logger
from tasks.provenance import dataset_facts
from tasks.references import StageRef

GOOD = 0.9
"""V_Rand on validation from which a network is worth naming: a blur and a threshold have .86."""


def offer_registered(config: PipelineConfig, sections: StageRef) -> None:
    """Say which champion segments a user's own sections well already, and what to do with it.

    Nothing is said of ISBI 2012 and of synthetic sections, of a training that starts from a network
    anyway, and of champions that these very sections made. An offer is no reason to fail: what
    cannot be read is left out.
    """
    if config.dataset.source != "folder" or config.train.initial_weights is not None:
        return
    if not (champions := _champions()):
        return
    dataset, good = load_dataset(sections.folder), dict[str, float]()
    for model in champions:
        try:
            score = _v_rand(model, dataset)
        except Exception as error:  # made by another version, or its files are gone
            run_logger().debug("%s is not offered: %s", model, error)
            continue
        if score is not None and score >= GOOD:
            good[model] = score
    if good:
        best, folder = max(good, key=lambda model: good[model]), config.dataset.path
        run_logger().info(
            "%s has a V_Rand of %.3f on the new validation sections already: `spikeseg evaluate %s "
            "%s` scores it on all of them, `spikeseg run --from %s --dataset %s` trains on from it",
            *(best, good[best], best, folder, best, folder),
        )


def _champions() -> list[str]:
    """Name the registered models with a champion; none if MLflow does not answer."""
    found = store().attempt("list the registered models", store().client.search_registered_models)
    return [f"{each.name}@{CHAMPION}" for each in found or () if CHAMPION in each.aliases]


def _v_rand(model: str, dataset: Dataset) -> float | None:
    """V_Rand on the new validation sections at the model's own threshold; None for its own ones."""
    kind, ref = network_of(model, "ann")
    if dataset_facts(ref.inputs).get("pixels_sha256") == dataset.pixels_sha256:
        return None
    segment = load(kind, ref)
    chosen = dataset.splits["validation"]
    probability = segment(dataset.images[chosen])
    scores = Scorer(dataset.labels[chosen]).scores(probability, segment.threshold)
    return scores["v_rand_at_validation_threshold"]
