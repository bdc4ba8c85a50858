from pathlib import Path
from typing import Any

from spikeseg_core.report.captions import CAPTIONS, Gallery
from spikeseg_core.report.render import html, words
from spikeseg_core.report.run import run_report
from tests.fakes import PNG


def test_captions_are_sentences_and_files_have_no_names(
    summary: dict[str, Any], tmp_path: Path
) -> None:
    for caption in CAPTIONS.values():
        assert caption[0].isupper()
        assert caption.endswith(".")
        assert "_" not in caption
    files: dict[str, list[Path]] = {}
    for stage, name in (*CAPTIONS, ("train", "not_known")):
        path = tmp_path / stage / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PNG)
        files.setdefault(stage, []).append(path)
    page = html(run_report(summary, files))
    assert page.count("data:image/png;base64,") == len(CAPTIONS) + 1
    for stage, name in CAPTIONS:
        assert f">{name}" not in page, stage
    assert "not_known" not in page
    assert "A picture that the stage “Train the ANN” drew." in page


def test_each_picture_is_taken_once_and_the_narrow_one_with_the_wide(tmp_path: Path) -> None:
    for name in ("overview", "overview_narrow", "waterfall"):
        (tmp_path / f"{name}.png").write_bytes(PNG)
    files = [tmp_path / f"{name}.png" for name in ("overview", "overview_narrow", "gone")]
    gallery = Gallery({"run": files, "train": [tmp_path / "waterfall.png"]})
    (picture,) = gallery.take("run", "overview", "gone")
    assert picture.narrow == picture.uri
    assert gallery.take("run", "overview") == []
    (section,) = gallery.rest()
    assert words(section.title) == "Pictures of stage train"
    assert gallery.rest() == []
