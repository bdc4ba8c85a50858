import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.steady import LATE, SpikeLists, calendar, list_spikes
from spikeseg_core.network import DT
from spikeseg_core.network.neuron import spike_trains

STEPS = 70

# Periods at which rounding decides: whole numbers of steps, and the closest others.
_whole = st.builds(
    lambda n, ulps: 1 / n + ulps * np.spacing(1 / n), st.integers(1, 150), st.integers(-3, 3)
)
_any = st.floats(-3, 3) | st.floats(0, 0.05)
_extreme = st.sampled_from([0.0, -0.0, 1e-300, 1e-40, 1e-7, 1e40, np.inf, -np.inf, np.nan])
rises = _whole | _any | _extreme
potentials = st.floats(0, 1) | st.integers(0, 8).map(lambda n: n / 8)


def expected(hz: np.ndarray, initial: np.ndarray, n_steps: int = STEPS) -> np.ndarray:
    """Spikes ``(n_steps, neurons)`` of the definition."""
    return spike_trains(hz[np.newaxis], n_steps, initial)[0]


def listed(lists: SpikeLists) -> np.ndarray:
    """Times that every neuron is listed, ``(n_steps, neurons)``."""
    threads, n_steps, neurons = lists.numbers.shape
    found = np.zeros((n_steps, neurons * threads), int)
    for part, counts in zip(lists.numbers, lists.counts[-1], strict=True):
        for t, count in enumerate(counts):
            np.add.at(found[t], part[t, :count], 1)
    return found


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(rises, potentials), min_size=1, max_size=40))
def test_spikes_are_those_of_the_definition(neurons):
    rise, initial = (np.array(values) for values in zip(*neurons, strict=True))
    hz = rise / DT
    lists = SpikeLists(initial, STEPS)
    lists.fill((hz * DT)[np.newaxis])
    found = listed(lists)
    np.testing.assert_array_equal(found[:, : hz.size], expected(hz, initial))
    assert not found[:, hz.size :].any()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_neurons_and_threads(threads):
    rng = np.random.default_rng(threads)
    size = 5000 + threads
    near = 1 / rng.integers(1, 200, size) * (1 + rng.normal(0, 1e-7, size))
    hz = np.where(rng.random(size) < 0.5, near, rng.normal(0, 0.05, size)) / DT
    initial = rng.choice([0, 0.25, 0.5, 1 - 1e-9, rng.random()], size)
    lists = SpikeLists(initial, 200, threads, tiles=2)
    for tiles in ([hz, hz[::-1]], [hz[::-1], hz]):  # it may be filled again
        lists.fill(DT * np.array(tiles))
        wanted = [expected(tile, initial, 200) for tile in tiles]
        np.testing.assert_array_equal(listed(lists)[:, :size], wanted[-1])
        np.testing.assert_array_equal(lists.counts.sum(axis=1), [w.sum(axis=1) for w in wanted])


@settings(deadline=None)
@given(st.lists(st.tuples(rises, potentials), min_size=1, max_size=40))
def test_input_in_float32_gives_the_spikes_of_the_same_numbers(neurons):
    rise, initial = (np.array(values) for values in zip(*neurons, strict=True))
    with np.errstate(over="ignore"):
        rise = rise.astype(np.float32)
    found = []
    for given_rise in (rise, rise.astype(float)):
        lists = SpikeLists(initial, STEPS)
        lists.fill(given_rise[np.newaxis])
        found.append(listed(lists))
    np.testing.assert_array_equal(*found)


def test_a_calendar_goes_on_in_parts():
    rng = np.random.default_rng(0)
    hz, initial = rng.normal(20, 50, 100), rng.random(100)
    first, period = calendar(hz * DT, initial, STEPS)
    found = np.zeros((STEPS, 100), int)
    for begin, n in ((0, 32), (32, 1), (33, 37)):
        events, ends = np.zeros(n * 100, np.uint16), 100 * np.arange(n)
        list_spikes(first, period, n, 0, events, ends)
        for t, end in enumerate(ends):
            found[begin + t, events[100 * t : end]] = 1
    np.testing.assert_array_equal(found, expected(hz, initial))


def test_the_longest_presentation_is_listed_and_a_longer_one_refused():
    hz, initial = np.array([1000.0, 0.04, 0.02, -1.0]), np.array([0.5, 0.0, 0.25, 0.0])
    lists = SpikeLists(initial, int(LATE))
    lists.fill((hz * DT)[np.newaxis])
    np.testing.assert_array_equal(listed(lists)[:, :4], expected(hz, initial, int(LATE)))
    with pytest.raises(DeploymentError, match="at most 32767"):
        SpikeLists(initial, int(LATE) + 1)
