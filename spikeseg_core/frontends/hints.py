"""What fits the chip in place of what does not, by the name of a layer."""

from __future__ import annotations

MAX_POOLING = (
    "max pooling: neurons add up their inputs, they do not compare them; use average pooling or a "
    "convolution with a stride, and train again"
)
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
        "norm, average pooling, nearest upsampling, zero padding, concatenation, addition and ReLU "
        "are"
    )
