Pages = dict[str, tuple[str, str]]


def test_a_recorded_mapping_benchmark_is_shown(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "73.8 µs (modelled)" in text
    assert "`spikeseg bench mapping" not in text
    assert "`spikeseg bench mapping --preset quick`" in pages["quick"][1]


def test_strategies_are_modelled_from_the_recorded_network(pages: Pages) -> None:
    _, text = pages["paper"]
    assert "| optimized (used) |" in text
    assert "10 (set) nJ, 200 (set) ns per message" in text
    assert "optimized (used)" not in pages["quick"][1]  # its network was not recorded
