from types import SimpleNamespace

from spikeseg_core.report.document import Document
from spikeseg_core.report.questions import tradeoff
from spikeseg_core.report.render import words

Pages = dict[str, tuple[str, str]]


def test_sweeps_that_are_there_are_shown_and_others_named(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "| 17.1 |" in text
    assert "`spikeseg sweep ablation-rate-loss`" not in text
    assert "`spikeseg sweep operating-point`" in text
    assert "`spikeseg report --preset quick --seeds 0,1,2`" in pages["quick"][1]


def test_the_finding_names_what_is_best(built: dict[str, Document]) -> None:
    found = words(built["paper"].sections[1].finding)
    assert found.startswith("No recorded network is best in both: paper")
    assert "the most accurate, with a V_Rand of" in found
    assert "the most economical, with" in found


def test_a_search_over_architectures_is_none_over_tuning() -> None:
    ranges = {"train.network.fine": {}}
    search = SimpleNamespace(varied=set(ranges), definition={"search": {"ranges": ranges}})
    evidence = SimpleNamespace(runs=[1, 2], preset="quick")
    named = str(tradeoff._missing(evidence, [search]))  # type: ignore[arg-type, list-item]
    assert "sweep operating-point" in named
    assert "sweep architecture" not in named
    ranges["tune.rate_max_hz"] = {}
    named = str(tradeoff._missing(evidence, [search]))  # type: ignore[arg-type, list-item]
    assert "sweep operating-point" not in named
