import numpy as np
import pytest

from spikeseg_core.loihi.emulator.runs import CoreEvents


@pytest.fixture
def events():
    """Two cores and an input: a counter of each core, two of the input.

    Core 0 reaches core 1 with 5 synapses. The input's first counter reaches core 0 with 3 synapses,
    its second both cores with 1 and 2.
    """
    return CoreEvents(
        n_steps=3,
        n_cores=2,
        n_inputs=1,
        n_tiles=1,
        source=np.array([0, 1, -1, -1], np.int32),
        spikes_of=np.array([[0, 1, 10, 1], [4, 0, 20, 2], [8, 2, 40, 4]]),
        fan_out_start=np.array([0, 1, 1, 2, 4]),
        fan_out_core=np.array([1, 0, 0, 1]),
        fan_out_synapses=np.array([5, 3, 1, 2]),
    )


def test_spikes_are_summed_by_core_and_by_input(events):
    assert events.spikes.tolist() == [[0, 1], [4, 0], [8, 2]]
    assert events.input_spikes.tolist() == [[11], [22], [44]]


def test_every_spike_sends_a_message_on_each_of_its_axons(events):
    # Core 1 has no axon. Messages of the input are the host's, not a core's.
    assert events.messages_out.tolist() == [[0, 0], [4, 0], [8, 0]]


def test_messages_and_synaptic_operations_come_a_step_later(events):
    assert events.messages_in.tolist() == [[0, 0], [11, 1], [22, 2 + 4]]
    operations = [[0, 0], [31, 2], [62, 4 + 5 * 4]]
    assert events.synaptic_operations.tolist() == operations
