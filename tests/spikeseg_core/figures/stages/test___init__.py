from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.stages import draw, module_of
from spikeseg_core.stages import table


def test_stages_without_pictures_draw_none(tmp_path: Path) -> None:
    undrawn = [name for name in table.STAGES if module_of(name) is None]
    assert undrawn == ["quantize"]
    assert draw("quantize", PipelineConfig(), {}, tmp_path) == ()
