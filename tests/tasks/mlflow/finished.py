"""Finished stages of a tiny network, with the files that models are made from."""

from __future__ import annotations

import numpy as np

from spikeseg_core.config import DatasetConfig, PipelineConfig, PresentationConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.network import save_network
from tasks.folder import StageRecord, write_record
from tasks.local import state
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.tasks.runs import stage_record

CONFIG = PipelineConfig(
    dataset=DatasetConfig(
        source="synthetic",
        synthetic_size=128,
        train_sections=1,
        validation_sections=1,
        test_sections=1,
        tiles_per_axis=8,
    ),
    presentation=PresentationConfig(steps=20),
)


def finished_stages() -> dict[str, StageRecord]:
    """Write the stages into the current state folder."""
    rng = np.random.default_rng(7)
    network = random_network(rng, size=16, channels=lambda rng: 8)
    weights, tiles = random_weights(rng, network), random_tiles(rng, network, step=4)
    placement = partition("metis", traffic(network, tiles))
    keys = {name: name * 8 for name in ("prepare", "train", "tune", "quantize", "partition")}
    keys["deploy"] = "deploy" * 8
    found = {}
    for name, key in keys.items():
        folder = state.current().stage_folder(name, key)
        folder.mkdir(parents=True)
        if name == "prepare":
            prepare_dataset(CONFIG.dataset, 16, folder)
        if name in ("train", "tune"):
            save_network(folder, network, weights)
        if name == "quantize":
            integer = discretize(build_network(network, weights, tiles)).model
            extract_network(integer).save(folder / "integer")
            CoreMapping(tiles, placement.chips).save(folder / "mapping.json")
        if name == "partition":
            placement.save(folder / "placement.json")
        record = stage_record(
            name,
            key,
            inputs={other: keys[other] for other in keys if other != name},
            settings=CONFIG.model_dump(mode="json", exclude={"preset"}),
        )
        write_record(folder, record)
        found[name] = record
    return found
