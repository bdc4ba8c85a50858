"""Either polarity, stated or detected."""

import numpy as np
import pytest

from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.errors import DataError

MEMBRANE = np.zeros((1, 4, 5), dtype=bool)
MEMBRANE[0, 1] = True  # 20 %
DARK_MEMBRANE = np.where(MEMBRANE, 60, 150).astype(np.uint8)


@pytest.mark.parametrize(
    ("interior", "membrane", "polarity"),
    [
        (255, 0, "membrane_dark"),
        (0, 255, "membrane_bright"),
        (1, 0, "membrane_dark"),
        (0, 1, "membrane_bright"),
        (0, 65535, "membrane_bright"),
    ],
)
def test_detected(interior, membrane, polarity):
    masks = np.where(MEMBRANE, membrane, interior).astype(np.uint16)
    choice = choose_polarity(DARK_MEMBRANE, masks)
    assert choice.polarity == polarity
    assert f"label {membrane} is membrane, detected" in choice.reason
    np.testing.assert_array_equal(membrane_labels(masks, choice.polarity), MEMBRANE)


def test_disagreeing_cues_have_to_be_stated():
    masks = np.where(MEMBRANE, 255, 0).astype(np.uint8)
    bright_membrane = 255 - DARK_MEMBRANE
    with pytest.raises(DataError, match="Set polarity to membrane_dark"):
        choose_polarity(bright_membrane, masks)
    choice = choose_polarity(bright_membrane, masks, "membrane_bright")
    assert choice.polarity == "membrane_bright"
    assert "label 255 is membrane, stated (" in choice.reason


def test_a_statement_against_the_data_is_followed_and_said():
    masks = np.where(MEMBRANE, 0, 255).astype(np.uint8)
    choice = choose_polarity(DARK_MEMBRANE, masks, "membrane_bright")
    assert choice.polarity == "membrane_bright"
    assert "ALTHOUGH" in choice.reason


@pytest.mark.parametrize("values", [(0,), (0, 128, 255), tuple(range(9))])
def test_masks_need_two_values(values):
    masks = np.resize(np.array(values, dtype=np.uint8), (1, 4, 5))
    with pytest.raises(DataError, match=f"labels have {len(values)} grey value"):
        choose_polarity(DARK_MEMBRANE, masks)
