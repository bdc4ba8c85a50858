from spikeseg_core.config import PromotionConfig, ToleranceConfig
from spikeseg_core.config.tolerances import (
    AS_GOOD,
    CHALLENGER_BELOW_CHAMPION,
    CHALLENGER_ENERGY,
    CHIP_BELOW_ANN,
    CLAIMED,
    EQUAL_ACCURACY,
)


def test_settings_take_their_defaults_from_here() -> None:
    assert ToleranceConfig().model_dump() == dict(CHIP_BELOW_ANN)
    promotion = PromotionConfig().model_dump()
    assert promotion.pop("energy") == CHALLENGER_ENERGY
    assert promotion.pop("gain") > 1
    assert promotion == dict(CHALLENGER_BELOW_CHAMPION)


def test_the_tolerances_fit_each_other() -> None:
    assert AS_GOOD["pixel_accuracy"] < EQUAL_ACCURACY
    assert all(AS_GOOD[name] < margin for name, margin in CLAIMED.items())
    assert all(
        allowed <= CHIP_BELOW_ANN[name] for name, allowed in CHALLENGER_BELOW_CHAMPION.items()
    )
