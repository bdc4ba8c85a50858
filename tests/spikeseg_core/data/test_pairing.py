from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from tests.spikeseg_core.data.inputs import COUNT, MASKS, Built, png, settings
from tests.spikeseg_core.data.labelled import check_found, check_not_found, names, pair

NUMBERS = [f"sec{i:02}_512.png" for i in range(COUNT)]
ACCENTS = [f"{letter}.png" for letter in "àáâãäå"]
WORDS = ["alpha", "beta", "delta", "eps", "gamma", "zeta"]


FOUND: dict[str, tuple[Built, str]] = {
    "padding differs": (
        lambda d: names(d, [f"{i}.png" for i in range(COUNT)],
                        [f"{i:03}.png" for i in range(COUNT)]), "paired by name"),
    "names with the same end": (lambda d: names(d, NUMBERS, NUMBERS), "sec00_512.png with sec00"),
    "prefix and suffix": (
        lambda d: names(d, [f"em_z{i}_raw.png" for i in range(COUNT)],
                        [f"annotated z{i}.png" for i in range(COUNT)]), "z5"),
    "words for names": (
        lambda d: names(d, [f"{w}.png" for w in WORDS],
                        [f"{w}_mask.png" for w in WORDS]),
        "alpha.png with alpha_mask.png"),
    "accents in two forms": (
        lambda d: names(d, ACCENTS, [normalize("NFD", name) for name in ACCENTS]), "by name"),
    "pairs by order": (
        lambda d: settings(
            names(d, [f"{w}.png" for w in "abcdef"], [f"{w}.png" for w in "ghijkl"]),
            "pairs: order"), "paired by order"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOUND)
def test_labelled_sections_that_are_read(kind: str, tmp_path: Path) -> None:
    build, said = FOUND[kind]
    check_found(build(tmp_path), said)


NOT_FOUND: dict[str, tuple[Built, str]] = {
    "05 missing, 10 more": (
        lambda d: names(d, NUMBERS, [n for n in NUMBERS if "05" not in n] + ["sec10_512.png"]),
        r"images without a label: sec05_512\.png; labels without an image: sec10_512\.png"),
    "alpha, beta, gamma": (
        lambda d: names(d, ["alpha.png", "beta.png", "gamma.png"],
                        ["alpha.png", "delta.png", "gamma.png"]),
        r"without a label: beta\.png; labels without an image: delta\.png"),
    "one section of another name": (
        lambda d: names(d, ["alpha.png"], ["delta.png"]), "alpha.png; .*delta.png"),
    "one section of another number": (
        lambda d: names(d, ["s1.png"], ["s2.png"]), "s1.png; .*s2.png"),
    "all of another sample": (
        lambda d: names(d, [f"s1_z{i}.png" for i in range(6)], [f"s2_z{i}.png" for i in range(6)]),
        "do not pair by name"),
    "shifted by one": (
        lambda d: names(d, [f"{i}.png" for i in range(6)], [f"{i + 1}.png" for i in range(6)]),
        r"without a label: 0\.png; labels without an image: 6\.png"),
    "a label too many": (
        lambda d: png(pair(d, "raw", "masks") / "masks" / "6.png", MASKS[0]).parent.parent,
        r"labels without an image: 6\.png"),
    "numbers in other places": (
        lambda d: names(d, [f"{i}_{i + 1}.png" for i in range(6)],
                        [f"{i + 1}_{i}.png" for i in range(6)]), "do not pair"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    check_not_found(build(tmp_path), message)
