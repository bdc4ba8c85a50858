"""A copy of the reference with one rule changed fails the corpus (test_engines: it passes)."""

import numpy as np
import pytest

from spikeseg_core.testing import cases, difference
from spikeseg_core.testing.reference import Reference, wrap


def saturate(x, bits):
    return np.clip(x, -(2**bits), 2**bits - 1)


class InputNotWrapped(Reference):
    def wrap_input(self, total):
        return total


class InputSaturates(Reference):
    def wrap_input(self, total):
        return saturate(total, 21)


class InputOf22Bits(Reference):
    def wrap_input(self, total):
        return wrap(total, 22)


class InputWrapsAtEverySpike(Reference):
    def deliver(self, total, block, axon, atom):
        super().deliver(total, block, axon, atom)
        total[:] = saturate(total, 21)


class CurrentNotWrapped(Reference):
    def wrap_current(self, current):
        return current


class CurrentSaturates(Reference):
    def wrap_current(self, current):
        return saturate(current, 23)


class DriveNotWrapped(Reference):
    def wrap_drive(self, drive):
        return drive


class DriveSaturates(Reference):
    def wrap_drive(self, drive):
        return saturate(drive, 23)


class BiasEntersTheCurrent(Reference):
    def step(self, total):
        spiked = super().step(total)
        self.current = self.wrap_current(self.current + self.net["bias"])
        return spiked


class DecayRoundsDown(Reference):
    def decay(self, x, kept):
        return x * kept // 4096


class DecayRoundsToNearest(Reference):
    def decay(self, x, kept):
        return np.sign(x) * ((np.abs(x) * kept + 2048) // 4096)


class CurrentDecayWithoutOffset(Reference):
    def kept_of_current(self):
        return 4096 - self.net["decay_u"]


class VoltageDecayWithOffset(Reference):
    def kept_of_voltage(self):
        return 4095 - self.net["decay_v"]


class NoFloor(Reference):
    def clip(self, voltage):
        return np.minimum(voltage, np.repeat(self.net["block_vmax"], self.sizes))


class FloorOf0(Reference):
    def clip(self, voltage):
        return np.clip(voltage, 0, np.repeat(self.net["block_vmax"], self.sizes))


class OneFloorForAll(Reference):
    def clip(self, voltage):
        ceiling = np.repeat(self.net["block_vmax"], self.sizes)
        return np.clip(voltage, self.net["block_vmin"][0], ceiling)


class NoCeiling(Reference):
    def clip(self, voltage):
        return np.maximum(voltage, np.repeat(self.net["block_vmin"], self.sizes))


class ThresholdReachedIsEnough(Reference):
    def exceeds(self, voltage):
        return voltage >= self.net["vth"]


class ResetBySubtraction(Reference):
    def after_spike(self, voltage, spiked):
        return np.where(spiked, voltage - self.net["vth"], voltage)


class NoReset(Reference):
    def after_spike(self, voltage, spiked):
        return voltage


class NoRest(Reference):
    def refractory(self, spiked):
        return np.zeros_like(self.resting)


class RestsOneStepLonger(Reference):
    def refractory(self, spiked):
        return np.maximum(np.where(spiked, self.net["refract"] + 1, self.resting) - 1, 0)


class VoltageHeldDuringRest(Reference):
    def rest(self, voltage):
        return np.where(self.resting > 0, np.minimum(voltage, self.net["vth"]), voltage)


class CurrentRestsToo(Reference):
    def step(self, total):
        before, resting = self.current, self.resting > 0
        spiked = super().step(total)
        self.current = np.where(resting, before, self.current)
        return spiked


class BeginsAt0(Reference):
    def first_voltage(self):
        return np.zeros_like(super().first_voltage())


class SpikesTravelForTwoSteps(Reference):
    late = None

    def arriving(self, spiked, sent):
        now = super().arriving(spiked, sent)
        before, self.late = self.late, now
        return np.zeros_like(now) if before is None else before


class InputsArriveAtOnce(Reference):
    def run(self, inputs, n_steps):
        return super().run([np.concatenate([x[1:], x[:1] * 0]) for x in inputs], n_steps)


class AtomsIgnored(Reference):
    def deliver(self, total, block, axon, atom):
        super().deliver(total, block, axon, 0)


class BasesIgnored(Reference):
    def deliver(self, total, block, axon, atom):
        kept = self.net["axon_base"]
        self.net["axon_base"] = np.minimum(kept, 0)
        super().deliver(total, block, axon, atom)
        self.net["axon_base"] = kept


class UnusedAxonsAreUsed(Reference):
    def deliver(self, total, block, axon, atom):
        kept = self.net["axon_base"]
        self.net["axon_base"] = np.maximum(kept, 0)
        super().deliver(total, block, axon, atom)
        self.net["axon_base"] = kept


class MissingAxonsAreTheFirst(Reference):
    def __init__(self, network):
        super().__init__(network)
        self.net["route_axon"] = np.maximum(self.net["route_axon"], 0)


class WeightsLoseTheirLastBits(Reference):
    def weights(self, stored, block):
        return np.sign(stored) * (np.abs(stored) // 64 * 64)


class WeightsOf16Bits(Reference):
    def weights(self, stored, block):
        return np.clip(stored, -(2**15), 2**15 - 1)


class OnlyTheFirstGroupOfSynapses(Reference):
    def arriving(self, spiked, sent):
        _, first = np.unique(self.net["synapse_block"], return_index=True)
        kept = self.net["route_axon"]
        chosen = np.isin(self.net["route_synapse"], first)
        used = np.repeat(chosen, np.diff(self.net["route_start"]))
        self.net["route_axon"] = np.where(used, kept, -1)
        total = super().arriving(spiked, sent)
        self.net["route_axon"] = kept
        return total


class LoopsCut(Reference):
    def __init__(self, network):
        super().__init__(network)
        target = self.net["synapse_block"][self.net["route_synapse"]]
        back = (self.net["route_source"] >= 0) & (self.net["route_source"] >= target)
        used = np.repeat(~back, np.diff(self.net["route_start"]))
        self.net["route_axon"] = np.where(used, self.net["route_axon"], -1)


WRONG = {
    InputNotWrapped: "input register, 21 bits",
    InputSaturates: "input register, 21 bits",
    InputOf22Bits: "input register, 21 bits",
    InputWrapsAtEverySpike: "input register, 21 bits",
    CurrentNotWrapped: "current register, 23 bits",
    CurrentSaturates: "current register, 23 bits",
    DriveNotWrapped: "drive register, 23 bits",
    DriveSaturates: "drive register, 23 bits",
    BiasEntersTheCurrent: "bias",
    DecayRoundsDown: "decay of the current",
    DecayRoundsToNearest: "decay of the voltage",
    CurrentDecayWithoutOffset: "decay of the current",
    VoltageDecayWithOffset: "decay of the voltage",
    NoFloor: "floor of the voltage",
    FloorOf0: "floor of the voltage",
    OneFloorForAll: "floor of the voltage",
    NoCeiling: "ceiling of the voltage",
    ThresholdReachedIsEnough: "threshold",
    ResetBySubtraction: "reset",
    NoReset: "reset",
    NoRest: "refractory steps",
    RestsOneStepLonger: "refractory steps",
    VoltageHeldDuringRest: "current during rest",
    CurrentRestsToo: "current during rest",
    BeginsAt0: "first voltage",
    SpikesTravelForTwoSteps: "travel time",
    InputsArriveAtOnce: "travel time",
    AtomsIgnored: "axon format 16",
    BasesIgnored: "axon format 32",
    UnusedAxonsAreUsed: "axon format 16",
    MissingAxonsAreTheFirst: "axon format 0",
    WeightsLoseTheirLastBits: "exponents of weights",
    WeightsOf16Bits: "exponents of weights",
    OnlyTheFirstGroupOfSynapses: "fan-in and fan-out",
    LoopsCut: "loops",
}


@pytest.mark.parametrize(("wrong", "rule"), WRONG.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_wrong_rule_fails_a_case_of_that_rule(wrong, rule):
    about_it = [case for case in cases() if case.rule == rule]
    assert about_it

    def engine(network, inputs, n_steps):
        return wrong(network.arrays).run(inputs, n_steps)

    assert any(difference(case, engine) for case in about_it)


def test_every_rule_has_a_wrong_engine():
    alone = {"axon format 0", "convolutions"}
    assert {case.rule for case in cases()} - alone <= set(WRONG.values())
