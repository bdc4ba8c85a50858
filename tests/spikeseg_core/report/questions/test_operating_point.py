import pandas as pd

from spikeseg_core.report.document import Document
from spikeseg_core.report.questions.operating_point import shorter
from spikeseg_core.report.render import words

Pages = dict[str, tuple[str, str]]


def test_the_operating_point_is_told_with_what_it_saves(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "uses 45% [45%, 45%] (modelled) of the starting point's energy" in text
    assert "uses 62% [62%, 62%] (modelled) of its energy" in text
    assert "9 [9, 9] (set) tiles per section and 51.5 steps" in text
    assert "where the start has 16 [16, 16] (set) and" in text


def test_points_are_tabulated_with_what_marks_them(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "| 100 steps, stopped at a change of 0.02 |" in text
    assert "| chosen, equal accuracy |" in text
    assert "| 50 |" in text


def test_the_cpu_that_a_point_has_to_equal_stands_beside_the_points(
    built: dict[str, Document],
) -> None:
    tables = built["paper"].sections[1].tables
    (points,) = [one for one in tables if "points that have a name" in words(one.caption)]
    last = [words(cell) for cell in points.rows[-1]]
    assert last[0] == "CPU, int8, tile by tile"
    assert last[-1] == "what the chosen point is measured by"


def test_the_shortest_presentation_that_is_good_enough() -> None:
    table = pd.DataFrame(
        {
            "steps": [20, 50, 100],
            "validation/v_rand": [0.90, 0.949, 0.95],
            "test/v_rand": [0.89, 0.93, 0.94],
            "loihi_total_mj": [20.0, 50.0, 100.0],
        }
    )
    (text,) = shorter([table])
    assert "takes 50 steps (measured): 50% (modelled) of its energy" in text.markdown()
    assert shorter([]) == []
