import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.network import Axis

AXES = st.builds(
    Axis,
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["conv", "conv_transpose"]),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(-1, 4),
)


@given(AXES)
def test_taps_and_reach_are_the_same_connections(axis: Axis) -> None:
    by_tap = {
        (source, target, tap)
        for tap in range(axis.kernel)
        for source, target in zip(
            range(axis.sources)[axis.tap(tap)[0]],
            range(axis.targets)[axis.tap(tap)[1]],
            strict=True,
        )
    }
    first, last = axis.reach()
    by_reach = {
        (source, target, int(axis.kernel_position(np.array(source), np.array(target))))
        for source in range(axis.sources)
        for target in range(first[source], last[source])
    }
    assert by_tap == by_reach
