import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.figures.waterfall import waterfall_figure
from spikeseg_core.metrics.accounting import SCORES, START, STEPS, blame, loss_table

TAGS = [START, *(tag for _, tag in STEPS)]


def scores(**values: float) -> dict[str, float]:
    return {f"test/{name}": values.get(name, 0.9) for name in SCORES}


@given(
    st.lists(st.sampled_from(TAGS[1:]), min_size=1, unique=True),
    st.lists(st.floats(0, 1), min_size=len(TAGS), max_size=len(TAGS)),
)
def test_the_steps_add_up_to_the_whole_loss(present, values) -> None:
    stages = {
        tag: scores(v_rand=value)
        for tag, value in zip(TAGS, values, strict=True)
        if tag in {START, *present}
    }
    table = loss_table(stages)
    last = [tag for tag in TAGS if tag in stages][-1]
    assert table["v_rand"].sum() == pytest.approx(
        stages[last]["test/v_rand"] - stages[START]["test/v_rand"]
    )
    assert table["from"].tolist() == [START, *table["to"].tolist()[:-1]]


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


def test_the_waterfall_is_a_picture(tmp_path) -> None:
    stages = {tag: scores(v_rand=0.9 - i / 100) for i, tag in enumerate(TAGS)}
    path = waterfall_figure(
        loss_table(stages), dict.fromkeys(SCORES, 0.9), tmp_path / "waterfall.png"
    )
    assert path.read_bytes().startswith(b"\x89PNG")
