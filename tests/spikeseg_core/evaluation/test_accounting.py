import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.evaluation.accounting import AS_TUNED, SCORES, START, STEPS, blame, loss_table
from spikeseg_core.figures.waterfall import waterfall_figure

PLACES = [START, *(place for _, place in STEPS)]


def scores(**values: float) -> dict[str, float]:
    return {f"test/{name}": values.get(name, 0.9) for name in SCORES}


def metrics(places: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Metrics by tag, as stages report them, from scores by place."""
    found: dict[str, dict[str, float]] = {}
    for place, values in places.items():
        tag, _, variant = place.partition("/")
        prefix = f"{variant}/" if variant else ""
        found.setdefault(tag, {}).update({f"{prefix}{k}": v for k, v in values.items()})
    return found


@given(
    st.lists(st.sampled_from(PLACES[1:]), min_size=1, unique=True),
    st.lists(st.floats(0, 1), min_size=len(PLACES), max_size=len(PLACES)),
)
def test_the_steps_add_up_to_the_whole_loss(present, values) -> None:
    places = {
        place: scores(v_rand=value)
        for place, value in zip(PLACES, values, strict=True)
        if place in {START, *present}
    }
    table = loss_table(metrics(places))
    assert table["to"].tolist() == [place for place in PLACES[1:] if place in present]
    last = places[table["to"].iloc[-1]]
    assert table["v_rand"].sum() == pytest.approx(
        last["test/v_rand"] - places[START]["test/v_rand"]
    )
    assert table["from"].tolist() == [START, *table["to"].tolist()[:-1]]


def test_after_tuning_on_events_clock_and_integers_cost_nothing() -> None:
    table = loss_table(
        metrics(
            {
                START: scores(v_rand=0.9),
                "snn_rate": scores(v_rand=0.8),
                "snn_spiking": scores(v_rand=0.1),
                AS_TUNED: scores(v_rand=0.7),
                "loihi": scores(v_rand=0.75),
            }
        )
    )
    assert dict(zip(table["step"], table["v_rand"].round(6), strict=True)) == {
        "Loihi's rate curve, rate tuning, conversion": -0.1,
        "spikes and integers": -0.1,
        "splitting into cores": 0.05,
    }


def test_a_missing_stage_joins_its_step_to_the_next() -> None:
    table = loss_table({"ann": scores(), "rate_tuned": scores(v_info=0.8)})
    assert table["step"].tolist() == ["Loihi's rate curve, rate tuning"]
    assert loss_table({"loihi": scores()}).empty


def test_the_step_that_lost_most_is_named() -> None:
    stages = {
        "ann": scores(v_rand=0.97),
        "rate_tuned": scores(v_rand=0.975),
        "snn_spiking": scores(v_rand=0.93),
        "loihi": scores(v_rand=0.92),
    }
    table = loss_table(stages)
    (sentence,) = blame(table, {"v_rand": 0.01, "v_info": 0.003})
    assert sentence == (
        "v_rand is 0.0500 below the ANN's, 0.01 is tolerated; the step 'conversion, spikes' lost "
        "most (0.0450)"
    )
    assert blame(table, {"v_rand": 0.1}) == []
    assert blame(loss_table({}), {"v_rand": 0.1}) == []


def test_a_shorter_presentation_is_not_to_blame() -> None:
    places = {
        "ann": scores(v_rand=0.97),
        "loihi": scores(v_rand=0.965),
        "benchmark/operating_point": scores(v_rand=0.9),
    }
    assert blame(loss_table(metrics(places)), {"v_rand": 0.01}) == []
    (sentence,) = blame(loss_table(metrics(places)), {"v_rand": 0.001})
    assert "0.0050 below" in sentence


def test_the_waterfall_is_a_picture(tmp_path) -> None:
    stages = metrics({place: scores(v_rand=0.9 - i / 100) for i, place in enumerate(PLACES)})
    start = dict.fromkeys(SCORES, 0.9)
    path = waterfall_figure(loss_table(stages), start, {}, tmp_path / "waterfall.png")
    assert path.read_bytes().startswith(b"\x89PNG")
