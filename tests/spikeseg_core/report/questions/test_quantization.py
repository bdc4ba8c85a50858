Pages = dict[str, tuple[str, str]]


def test_layers_and_the_sweep_of_bits(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "34,816 (measured) to 35,008 (measured)" in text
    assert "4 (measured) x 4 (measured) x 4 (measured)" in text
    assert "0.8830 [0.8810, 0.8830, 0.8870] (measured)" in text
    assert "`spikeseg sweep ablation-bits`" not in text
