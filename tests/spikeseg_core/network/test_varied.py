from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.errors import ConfigError
from spikeseg_core.network import Network, catalogue
from spikeseg_core.network.varied import PARTS, STEP, split, varied, varied_name


def channels(network: Network) -> dict[str, int]:
    return {layer.name: layer.channels for layer in network.layers}


LEAN = channels(catalogue.network("lean"))
AT_48 = {"enc0", "dec0", "dec0b"}


def test_the_largest_ensembles_are_those_of_48_x_48() -> None:
    found = channels(catalogue.network("lean(fine=0.5)"))
    assert {name: found[name] for name in AT_48} == {"enc0": 12, "dec0": 16, "dec0b": 8}
    assert {name: n for name, n in found.items() if name not in AT_48} == {
        name: n for name, n in LEAN.items() if name not in AT_48
    }


def test_the_smaller_ensembles_alone() -> None:
    found = channels(catalogue.network("lean(coarse=1.5)"))
    assert (found["enc1"], found["enc3b"], found["dec1b"]) == (48, 96, 36)
    assert {name: found[name] for name in (*AT_48, "stem")} == {
        name: LEAN[name] for name in (*AT_48, "stem")
    }


def test_an_ensemble_that_follows_one_of_its_size_is_left_out() -> None:
    network = catalogue.network("lean(row=1)")
    fed_by = {layer.name: [c.source for c in layer.inputs] for layer in network.layers}
    assert fed_by == {
        "stem": ["image"],
        "enc0": ["stem"],
        "enc1": ["enc0"],
        "enc2": ["enc1"],
        "enc3": ["enc2"],
        "dec2": ["enc3", "enc2"],
        "dec1": ["dec2", "enc1"],
        "dec0": ["dec1", "enc0"],
    }
    assert network.readout.source == "dec0"
    assert channels(catalogue.network("lean(row=2)")) == LEAN


def test_only_what_is_too_many_in_a_row_is_left_out() -> None:
    base = catalogue.u_net("three", 4, ((8, 12, 16), (20,)), ((8, 6),))
    network = varied(base, {"row": 2})
    assert list(channels(network)) == ["stem", "enc0", "enc0b", "enc1", "dec0", "dec0b"]
    assert [c.source for c in network.layer("dec0").inputs] == ["enc1", "enc0b"]
    assert [c.source for c in network.layer("enc1").inputs] == ["enc0b"]


def test_kernels_and_the_host() -> None:
    network = catalogue.network("lean(up=2, readout=8, stem=4)")
    assert {c.kernel for _, c in network.connections() if c.kind == "conv_transpose"} == {2}
    assert network.readout.kernel == 8
    assert network.layer("stem").channels == 4
    assert network.neurons_on_chip == catalogue.network("lean").neurons_on_chip


def test_a_name_has_one_form_and_adds_up() -> None:
    assert catalogue.network("lean( up=2,fine=0.50 )").name == "lean(fine=0.5, up=2)"
    assert varied_name("lean(fine=0.5)", {"up": 2}) == "lean(fine=0.5, up=2)"
    assert varied_name("lean(fine=0.5)", {"fine": 1}) == "lean(fine=1)"
    assert catalogue.network("lean()") == catalogue.network("lean")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.integers(int(part.low), int(part.high))
            if part.whole
            else st.integers(1, 40).map(lambda n: n / 10)
            for name, part in PARTS.items()
        },
    )
)
def test_every_name_is_read_as_it_was_written(parts: dict[str, float]) -> None:
    name = varied_name("wide-12", parts)
    assert split(name) == ("wide-12", parts)
    network = catalogue.network(name)
    assert parts == {} or network.name == name
    assert all(layer.channels % STEP == 0 for layer in network.chip_layers())
    assert Network.from_json(network.to_json()) == network


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lean(fine)", "cannot read 'fine'; write it as fine=0.75"),
        ("lean(fine=wide)", "cannot read 'fine=wide'"),
        ("lean(width=2)", r"cannot be varied in 'width', only in stem \(channels of the host"),
        ("lean(fine=9)", "fine is 9, and must be a number from 0.1 to 4: factor of the channels"),
        ("lean(fine=nan)", "fine is nan"),
        ("lean(row=1.5)", "row is 1.5, and must be a whole number from 1 to 8"),
        ("fat(fine=1)", "unknown network 'fat'; there are quick, paper, lean"),
        ("lean(fine=1", r"unknown network 'lean\(fine=1'"),
    ],
)
def test_what_cannot_be_varied_is_said(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        catalogue.network(name)
