"""What fits the chip in place of what does not, by the name of a layer."""

from __future__ import annotations

MAX_OF_NEGATIVES = (
    "max pooling with padding of values that may be negative: padding is zero on the chip; put a "
    "ReLU before it, or pool without padding"
)
MAX_ROUNDED_UP = (
    "max pooling with dilation, or with its size rounded up (ceil_mode); use neither of them"
)
MAX_OF_ALL = "a maximum over all pixels; use the mean, and train again"
AVERAGE_WITHOUT_PADDING = (
    "average pooling whose padding does not count: its weights differ at the border; use a size "
    "that divides the layer, or no padding"
)
CHANNELS_FIRST = "channels first; save the model with channels last"


def activation(name: str) -> str:
    """Say what is wrong with an activation."""
    return f"activation {name}: the chip's neurons are ReLUs; use ReLU and train again"


def unreadable(kind: str, error: Exception) -> str:
    """Say that a layer's numbers do not fit together."""
    return f"{kind} cannot be read: {error}"


def unknown(kind: str) -> str:
    """Say that a layer is of a kind that is not read."""
    return (
        f"{kind} is not mapped; convolutions (also depthwise and transposed), dense layers, batch "
        "norm, average and max pooling, nearest upsampling, zero padding, concatenation, addition "
        "and ReLU are"
    )
