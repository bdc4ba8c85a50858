import pytest

from spikeseg_core.frontends import hints


def test_a_refused_layer_is_named_with_what_fits_instead() -> None:
    assert hints.activation("tanh").startswith("activation tanh: ")
    assert "use ReLU" in hints.activation("tanh")
    assert hints.unreadable("Gemm", ValueError("two axes")) == "Gemm cannot be read: two axes"
    assert hints.unknown("LSTM").startswith("LSTM is not mapped; convolutions")


@pytest.mark.parametrize(
    ("hint", "way_out"),
    [
        (hints.MAX_OF_NEGATIVES, "put a ReLU before it"),
        (hints.MAX_ROUNDED_UP, "use neither"),
        (hints.MAX_OF_ALL, "use the mean"),
        (hints.AVERAGE_WITHOUT_PADDING, "or no padding"),
        (hints.CHANNELS_FIRST, "save the model with channels last"),
    ],
)
def test_every_hint_says_the_way_out(hint: str, way_out: str) -> None:
    assert way_out in hint
