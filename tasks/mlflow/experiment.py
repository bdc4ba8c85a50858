"""What MLflow knows of the experiment itself: its description, and the view that its page opens.

The view is one that MLflow's page can share: its state as a tag of the experiment, which an
address names. It shows the pipelines with their headline figures; the page's own default shows
every stage, and no figure.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from tasks.local.password import authorization
from tasks.local.posting import open_http

SHARED = "mlflow.sharedViewState."
VIEW = "headline"
"""Name of the view in addresses."""

FIGURES = (
    "chip/v_rand",
    "change/v_rand",
    "chip/pixel_accuracy",
    "change/pixel_accuracy",
    "rates/mean_hz",
    "energy/chip_mj",
    "energy/cpu_mj",
    "energy/cpu_over_chip",
    "mapping/cores",
    "mapping/interchip_messages",
    "presentation/steps",
    "minutes",
)
"""Columns of the view, from :func:`tasks.mlflow.headline.headline`."""

PICTURES = "pictures/"
"""Begins the names of pictures, which makes them one section of the charts."""

_SECTIONS = (PICTURES.rstrip("/"), "chip", "change", "ann", "energy", "rates", "mapping")
"""Sections of the charts, in this order; MLflow adds the others."""

_STATE = {
    "searchFilter": "tags.`spikeseg.stage` = 'pipeline'",
    "selectedColumns": [f"metrics.`{name}`" for name in FIGURES],
    "compareRunCharts": [],
    "isAccordionReordered": True,  # else MLflow sorts the sections by name
    "compareRunSections": [
        {
            "uuid": name,
            "name": name,
            "display": True,
            "isReordered": False,
            "deleted": False,
            "isGenerated": True,
        }
        for name in _SECTIONS
    ],
}

ABOUT = {
    "mlflow.note.content": "A segmentation U-Net on its way from TensorFlow to spikes on Loihi: a "
    "run per pipeline, with a child run per stage. All segmentations have the same metrics; the "
    "tag `stage` (ann, rate_tuned, snn_rate, snn_spiking, loihi) distinguishes them, and the tag "
    "`synthetic` marks synthetic sections.",
    # Makes MLflow's page show training runs, not traces of language models.
    "mlflow.experimentKind": "custom_model_development",
    f"{SHARED}{VIEW}": json.dumps(_STATE),
}
"""Description and tags of the experiment."""

SECONDS = 5.0
"""How long a server may take for an answer."""


def number_of(server: str, name: str, password: str | None = None) -> str | None:
    """Return the id of the experiment of that name, which is made if the server has none.

    None if the server does not answer. It is asked without MLflow's client, which takes seconds to
    import. ``password`` is its ``user:password``, if it has one.
    """
    try:
        try:
            query = urlencode({"experiment_name": name})
            found = _ask(server, password, f"get-by-name?{query}")["experiment"]
        except HTTPError as error:
            if error.code != 404:
                raise
            tags = [{"key": key, "value": value} for key, value in ABOUT.items()]
            return str(
                _ask(server, password, "create", {"name": name, "tags": tags})["experiment_id"]
            )
        number = str(found["experiment_id"])
        known = {tag["key"]: tag["value"] for tag in found.get("tags", ())}
        for key, value in missing(known).items():
            _ask(
                server,
                password,
                "set-experiment-tag",
                {"experiment_id": number, "key": key, "value": value},
            )
    except (OSError, ValueError, KeyError):
        return None
    return number


def missing(known: dict[str, str]) -> dict[str, str]:
    """Return the tags that an experiment of an earlier version lacks; a changed text is kept."""
    view = f"{SHARED}{VIEW}"
    return {
        key: value
        for key, value in ABOUT.items()
        if key not in known or (key == view and known[key] != value)
    }


def _ask(
    server: str, password: str | None, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    address = f"{server.rstrip('/')}/api/2.0/mlflow/experiments/{path}"
    headers = {"Content-Type": "application/json", **authorization(password)}
    with open_http(address, SECONDS, headers, data) as answer:
        return dict(json.loads(answer.read()))
