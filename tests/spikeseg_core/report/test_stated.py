import pytest

from spikeseg_core.report.stated import (
    BareNumberError,
    Code,
    Link,
    Name,
    Stated,
    Words,
    printable,
    say,
    stated,
    told,
)


class TestAFigure:
    def test_it_prints_with_its_basis_and_no_other_way(self) -> None:
        figure = Stated(0.97034, "measured")
        assert 'data-basis="measured"' in figure.html()
        assert figure.markdown() == "0.970 (measured)"
        assert Stated(12.34, "modelled", ".1f", "mJ").markdown() == "12.3 mJ (modelled)"
        assert Stated(1234.5, "modelled", "s2").markdown() == "1,234 (modelled)"

    def test_it_cannot_be_made_without_one(self) -> None:
        with pytest.raises(TypeError):
            Stated(0.97)  # type: ignore[call-arg]
        with pytest.raises(BareNumberError, match="believed"):
            Stated(0.97, "believed")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="nan"):
            Stated(float("nan"), "measured")

    def test_several_seeds_are_their_median_and_all_of_them_in_order(self) -> None:
        found = stated([0.97, 0.95, None, 0.96], "measured", ".2f")
        assert found is not None
        assert found.value == 0.96
        assert found.markdown() == "0.96 [0.97, 0.95, 0.96] (measured)"
        assert "[0.97, 0.95, 0.96]" in found.html()

    def test_one_seed_is_no_median_and_none_is_none(self) -> None:
        assert stated([0.97], "measured") == Stated(0.97, "measured")
        assert stated(0.97, "measured") == Stated(0.97, "measured")
        assert stated([], "measured") is stated(None, "measured") is None
        assert stated([None, float("nan")], "measured") is None

    def test_what_rounds_to_nothing_has_no_sign(self) -> None:
        assert Stated(-0.00001, "measured", "+.4f").digits == "0.0000"
        assert Stated(-0.0002, "measured", "+.4f").digits == "-0.0002"


class TestText:
    @pytest.mark.parametrize("text", ["it is 3", "8-bit", "192x192", "-0.5", ".5", "a 3"])
    def test_words_state_no_figures(self, text: str) -> None:
        with pytest.raises(BareNumberError):
            Words(text)
        with pytest.raises(BareNumberError):
            say(text)
        with pytest.raises(BareNumberError):
            say("{it}", it=text)

    @pytest.mark.parametrize("text", ["int8", "V_Rand", "enc2b", "x86", "Q1", "none"])
    def test_digits_inside_a_word_are_no_figure(self, text: str) -> None:
        assert Words(text).html() == text

    @pytest.mark.parametrize("value", [0.97, 3, True])
    def test_a_plain_number_is_refused_wherever_it_goes(self, value: float) -> None:
        with pytest.raises(BareNumberError):
            say("it is {it}", it=value)  # type: ignore[arg-type]
        with pytest.raises(BareNumberError):
            printable(value)  # type: ignore[arg-type]

    def test_names_links_and_code_may_hold_digits(self) -> None:
        text = say(
            "{a} in {b}, {c}",
            a=Name("Davies et al. 2018 <b>"),
            b=Link("0a1b", "http://host/#/runs/0a1b"),
            c=Code("train.seed=1"),
        )
        assert text.html() == (
            '<span class="name">Davies et al. 2018 &lt;b&gt;</span> in '
            '<a href="http://host/#/runs/0a1b"><code>0a1b</code></a>, <code>train.seed=1</code>'
        )
        assert text.markdown() == (
            "Davies et al. 2018 <b> in [`0a1b`](http://host/#/runs/0a1b), `train.seed=1`"
        )

    def test_what_is_missing_is_said(self) -> None:
        assert say("it is {it}", it=None).markdown() == "it is an unknown amount"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("10 nJ, 200 ns", "10 (set) nJ, 200 (set) ns"),
            ("published 28.48 W", "published 28.48 (set) W"),
            ("34816 to 35008", "34,816 (set) to 35,008 (set)"),
            ("total over chips and x86", "total over chips and x86"),
            ("12", "12 (set)"),
            ("1.25 x", "1.25 (set) x"),
        ],
    )
    def test_figures_in_a_recorded_text_get_their_basis(self, text: str, expected: str) -> None:
        assert told(text, "set").markdown() == expected
