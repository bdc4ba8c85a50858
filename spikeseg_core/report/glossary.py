"""Terms of the reports that a reader may not know, in a sentence each."""

from __future__ import annotations

from spikeseg_core.report.document import Section
from spikeseg_core.report.stated import Name, Text, say

TERMS = {
    "ANN, SNN": "the network of rectified linear units that is trained, and the one of spikes",
    "NengoDL": "the simulator of spiking networks that checks the conversion, in floating point",
    "V_Rand, V_Info": (
        "the challenge's scores of the cells that a membrane separates: how often two pixels are "
        "rightly together or apart, and how much knowing one partition says about the other; at "
        "best one"
    ),
    "pixel accuracy": "share of pixels that are called right, membrane or not",
    "membrane IoU": "pixels that truth and network both call membrane, over those that either does",
    "tile": (
        "a square cut out of a section, as large as the network's input; on the chip, also the "
        "part of a layer that one core holds"
    ),
    "neuron, compartment": "a spiking unit of the network, and the unit of a core that computes it",
    "core block": "what one core holds: neurons with their axons, synapses and integer scale",
    "NoC": "the network on chip: it carries spikes between cores, one message a spike and core",
    "strategy": (
        "how core blocks are put on chips: greedy fills one chip after another, round robin deals "
        "them out, greedy interchip goes on with the block that talks most to the chip, metis cuts "
        "a graph of the traffic with the program of that name, optimized chooses tiles and chips "
        "together"
    ),
    "stem": "the first layer, which turns pixels into spikes, on the host",
    "enc0, enc1b, dec0, ...": (
        "layers of the encoder and the decoder of the U-Net, by the level of resolution; a letter "
        "tells several at one level apart"
    ),
    "step, Hz": (
        "a step is the network's unit of time, a millisecond in all rates; the chips take far less "
        "for it, so that their spikes come faster than the rates say"
    ),
    "as deployed": "with the steps, tiles and read-out of the settings",
    "operating point": (
        "the presentation with the least energy that is as good as the int8 CPU on the validation "
        "sections: fewer steps or tiles, or an end as soon as the read-out is steady"
    ),
    "equal accuracy": "the same, as good in pixel accuracy alone; start: the longest presentation",
    "host": "the processor beside the chips; it computes the first layer and the read-out",
    "online, batch": "one tile or section at a time, or several at once",
    "pre-silicon": "with constants that were published before the chip was made",
    "dynamic, static": "energy of the work itself, and of being switched on while it lasts",
    "busy": "timed while other work used the machine, so not to be compared",
}


def glossary() -> Section:
    """Return the terms as a part of a report."""
    return Section("Terms", points=[_entry(term, meaning) for term, meaning in TERMS.items()])


def _entry(term: str, meaning: str) -> Text:
    return say("{term}: {meaning}.", term=Name(term), meaning=meaning)
