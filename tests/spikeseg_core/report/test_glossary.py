from typing import get_args

from spikeseg_core.config import PartitionConfig
from spikeseg_core.report.document import SCORE_TITLES
from spikeseg_core.report.glossary import TERMS, glossary
from spikeseg_core.report.render import words


def test_every_score_and_strategy_that_a_report_names_is_explained() -> None:
    explained = " ".join(f"{term} {meaning}" for term, meaning in TERMS.items())
    names = get_args(PartitionConfig.model_fields["strategy"].annotation)
    assert "metis" in names
    for name in (*SCORE_TITLES.values(), *(name.replace("_", " ") for name in names)):
        assert name in explained, name


def test_terms_are_points_of_one_section() -> None:
    section = glossary()
    assert len(section.points) == len(TERMS)
    assert words(section.points[0]).startswith("ANN, SNN: the network of")
