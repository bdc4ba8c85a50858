Pages = dict[str, tuple[str, str]]


def test_layers_and_the_sweep_of_bits(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "| 34,816 to 35,008 |" in text
    assert "| 4 x 4 x 4 |" in text
    assert "0.8830 [0.8810, 0.8830, 0.8870]" in text
    assert "`spikeseg sweep ablation-bits`" not in text
