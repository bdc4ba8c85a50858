import json

import numpy as np
import pytest

from spikeseg_core.bench import limit
from spikeseg_core.bench.limit import Work, beside_the_limit, vector_bytes

WORK = Work(neurons=64_000, spikes=100, synapses=16_000, chunk_steps=32)


def test_instructions_by_hand_at_256_bits() -> None:
    """8 neurons or 16 weights in a vector."""
    assert WORK.instructions(32) == {"neurons": 8000 * 17, "synapses": 1000 * 3, "spikes": 900}
    assert WORK.instructions(64)["neurons"] == 4000 * 17
    assert WORK.state_bytes == 64_000 * 24 / 32


def test_a_vector_has_whole_bytes() -> None:
    assert vector_bytes() in {16, 32, 64}


def test_the_limit_is_instructions_or_bytes_whichever_takes_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limit, "BANDWIDTH_BYTES", 2**20)
    calls = []
    found = beside_the_limit(lambda: calls.append(1), n_steps=10, work=WORK, repeats=1)
    assert len(calls) == 2
    assert json.loads(json.dumps(found)) == found
    parts = found["limit_parts_s_per_step"]
    instructions = WORK.instructions(vector_bytes())
    for name, n in instructions.items():
        assert parts[name] == pytest.approx(n / found["instructions_per_s"])
    assert parts["state"] == pytest.approx(WORK.state_bytes / found["bytes_per_s"])
    in_turn = sum(parts[name] for name in instructions)
    assert found["limit_s_per_step"] == pytest.approx(max(in_turn, parts["state"]))
    assert found["seconds_of_turns"] == [found["seconds_per_step"]]
    ratio = found["seconds_per_step"] / found["limit_s_per_step"]
    assert found["times_the_limit"] == pytest.approx(ratio)


def test_what_is_timed_adds_every_weight() -> None:
    totals, weights = np.zeros((2, 4096), np.int16), np.arange(4096, dtype=np.int16)
    limit._add(totals, weights)
    expected = (weights.astype(int) * 2000).astype(np.int16)
    np.testing.assert_array_equal(totals, np.stack([expected, expected]))
