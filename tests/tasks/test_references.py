from __future__ import annotations

from pathlib import Path

from tasks.references import StageRef, closure


def ref(stage: str, **inputs: str) -> StageRef:
    return StageRef(stage=stage, key=f"{stage}-key", uri="file:///x", sha256="1", inputs=inputs)


def test_keys_of_all_stages_before() -> None:
    assert closure([ref("tune", prepare="p", train="t"), ref("convert", tune="u")]) == {
        "prepare": "p",
        "train": "t",
        "tune": "u",
        "convert": "convert-key",
    }


def test_its_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a folder, 100 %"
    found = StageRef(stage="train", key="k", uri=folder.as_uri(), sha256="1")
    assert found.folder == folder
