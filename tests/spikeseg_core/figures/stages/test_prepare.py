from pathlib import Path

from PIL import Image

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.figures.stages import draw
from tests.spikeseg_core.data.small import small_dataset


def test_sections_are_drawn_with_their_labels(tmp_path: Path) -> None:
    prepare_dataset(small_dataset(4), 64, tmp_path)
    drawn, narrow = draw("prepare", PipelineConfig(), {}, tmp_path)
    assert (drawn, narrow) == (tmp_path / "sections.png", tmp_path / "sections_narrow.png")
    with Image.open(drawn) as wide, Image.open(narrow) as upright:
        assert wide.width > wide.height
        assert upright.width < upright.height
    with Image.open(drawn) as picture:
        colours = picture.convert("RGB").getcolors(2**24)
    assert colours is not None
    tinted = sum(count for count, (red, green, blue) in colours if red > green + 60)
    assert tinted > 0.02 * sum(count for count, _ in colours)
