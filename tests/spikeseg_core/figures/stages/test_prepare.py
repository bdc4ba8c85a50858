from pathlib import Path

from PIL import Image

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.figures.stages import draw
from tests.spikeseg_core.data.small import small_dataset


def test_sections_are_drawn_with_their_labels(tmp_path: Path) -> None:
    prepare_dataset(small_dataset(4), 64, tmp_path)
    (drawn,) = draw("prepare", PipelineConfig(), {}, tmp_path)
    assert drawn == tmp_path / "sections.png"
    with Image.open(drawn) as picture:
        colours = picture.convert("RGB").getcolors(2**24)
    assert colours is not None
    tinted = sum(count for count, (red, green, blue) in colours if red > green + 60)
    assert tinted > 0.02 * sum(count for count, _ in colours)
