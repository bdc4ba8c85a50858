"""NengoLoihi's block model: a fixed transposed convolution, any weight bits, sparse rows."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np

from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.network import DT, Axis
from spikeseg_core.stack import nengo_loihi

builder = nengo_loihi.builder
_NengoLoihiBuilder: Any = builder.Builder
_NengoLoihiModel: Any = builder.Model


def transposed_weights(
    axis: Axis, kernel: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Return a transposed convolution in the form that ``Synapse.set_population_weights`` takes.

    Parameters
    ----------
    axis : Axis
        The connection along rows and along columns.
    kernel : ndarray
        ``(rows, columns, in_channels, out_channels)``.

    Returns
    -------
    tuple
        Weights and indices, lists of ``(in_channels, synapses)``; weight index and compartment
        base of every source pixel.
    """
    in_channels, channels = kernel.shape[2:]
    first, last = axis.reach()
    position = axis.kernel_position(np.arange(axis.sources), first)
    weights: list[np.ndarray] = []
    indices: list[np.ndarray] = []
    known: dict[tuple[int, ...], int] = {}
    which, bases = [], []
    for i, j in itertools.product(range(axis.sources), repeat=2):
        rows = slice(position[i], position[i] + last[i] - first[i])
        columns = slice(position[j], position[j] + last[j] - first[j])
        offset = (first[i] * axis.targets + first[j]) * channels
        base = offset % LOIHI_1.base_range
        key = (rows.start, rows.stop, columns.start, columns.stop, int(offset - base))
        if key not in known:
            known[key] = len(weights)
            part = kernel[rows, columns]
            r, c, k = np.ix_(*(np.arange(n) for n in (part.shape[0], part.shape[1], channels)))
            targets = (r * axis.targets + c) * channels + k + offset - base
            weights.append(part.transpose(2, 0, 1, 3).reshape(in_channels, -1))
            indices.append(np.tile(targets.ravel(), (in_channels, 1)))
        which.append(known[key])
        bases.append(base)
    return weights, indices, np.array(which), np.array(bases)


def _build_transposed(model: Any, transform: Any, conn: nengo.Connection) -> None:
    """Build a transposed convolution with the padding of Nengo and Keras.

    NengoLoihi 1.1.0 shifts the output of ``ConvolutionTranspose(padding='same')`` by one pixel if
    ``output_shape`` is not its default; the rest of its builder is correct.
    """
    builder.connection.build_conv2d_connection(model, transform, conn)
    sources, targets = transform.input_shape.shape[0], transform.output_shape.shape[0]
    axis = Axis(sources, targets, "conv_transpose", transform.kernel_size[0], transform.strides[0])
    synapse = model.objs[conn]["weights"]
    synapse.set_population_weights(
        *transposed_weights(axis, model.params[conn].weights), pop_type=synapse.pop_type
    )


class _Builder(_NengoLoihiBuilder):
    """NengoLoihi's builders with a fixed transposed convolution."""

    builders = {  # noqa: RUF012  (nengo looks it up on the class)
        **_NengoLoihiBuilder.builders,
        nengo.transforms.ConvolutionTranspose: _build_transposed,
    }


@dataclass(frozen=True)
class WeightError:
    """Rounding error of the weights of one block.

    Attributes
    ----------
    relative : float
        Root mean square of the error relative to that of the weights.
    largest : float
        Largest error relative to the largest weight.
    """

    relative: float
    largest: float


class BlockModel(_NengoLoihiModel):
    """NengoLoihi's model with any weight bits and sparse rows, built once and run many times.

    A simulator builds its network into the model it is given. This model skips the build if it is
    already done, so that every tile can have a new simulator without a new build.

    Attributes
    ----------
    weight_bits : int
        Bits per weight, including the sign.
    sparse : sequence of nengo.Ensemble
        Ensembles into which weights of exactly zero are no synapses. Every row of an axon must
        have the same number of others (:mod:`spikeseg_core.network.sparsity`).
    weight_errors : dict
        :class:`WeightError` by block.
    voltages : dict
        Voltages before the first step by block, int32 ``(compartments,)``; empty if at rest.
    """

    def __init__(
        self, weight_bits: int = 8, sparse: Sequence[nengo.Ensemble] = (), dt: float = DT
    ) -> None:
        super().__init__(dt=dt, builder=_Builder())
        self.weight_bits = weight_bits
        self.sparse = sparse
        self.weight_errors: dict[Any, WeightError] = {}
        self.voltages: dict[Any, np.ndarray] = {}

    def build(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Build an object; a top-level network is also discretized and validated."""
        if self.toplevel is not None and obj is self.toplevel:
            for spike_input in self.inputs:
                spike_input.spikes.clear()  # spikes of the previous run's last step
            return None
        if self.toplevel is not None or not isinstance(obj, nengo.Network):
            return super().build(obj, *args, **kwargs)
        discretize = kwargs.pop("discretize", True)
        # Synapse memory is validated below, with the actual number of weight bits.
        self.validation_level = builder.builder.ValidationLevel.NONE
        with warnings.catch_warnings():
            # That pop16 axons of more than 32 channels need a newer NxSDK is in our docs.
            warnings.filterwarnings("ignore", message=".*has not yet been implemented in NxSDK.*")
            super().build(obj, *args, discretize=False, **kwargs)
        self._set_weight_bits()
        # NengoLoihi splits blocks only if all rows of an axon have the same targets.
        for ensemble in self.sparse:
            for block in self.objs[ensemble]["out"]:
                for synapse in block.synapses:
                    _leave_out_zeros(synapse)
        if discretize:
            self._discretize()
        self.validation_level = builder.builder.ValidationLevel.MINIMAL
        builder.validate.validate_model(self)
        return None

    def _set_weight_bits(self) -> None:
        code = nengo_loihi.block.SynapseConfig.WEIGHT_BITS_MAP.index(self.weight_bits)
        for block in self.blocks:
            for synapse in block.synapses:
                synapse.format(weight_bits=code)

    def _discretize(self) -> None:
        """Round as ``discretize_model`` does, and record the weight errors."""
        v_scales = {}
        for block in self.blocks:
            exact = [w.copy() for synapse in block.synapses for w in synapse.weights]
            v_scales[block] = builder.discretize.discretize_block(block)
            rounded = [w for synapse in block.synapses for w in synapse.weights]
            self.weight_errors[block] = _weight_error(
                exact, rounded, block.discretize_info["w_scale"], block.discretize_info["w_exp"]
            )
        for probe in self.probes:
            for i, block in enumerate(probe.target):
                builder.discretize.discretize_probe(probe, i, v_scales[block])


def _leave_out_zeros(synapse: Any) -> None:
    """Remove the synapses whose weight is exactly zero, as many from every row of an axon."""
    for index, weights in enumerate(synapse.weights):
        stay = weights != 0
        shape = (len(weights), -1)
        synapse.weights[index] = weights[stay].reshape(shape)
        synapse.indices[index] = synapse.indices[index][stay].reshape(shape)


def _weight_error(
    exact: list[np.ndarray], rounded: list[np.ndarray], w_scale: Any, w_exp: int
) -> WeightError:
    if not exact:
        return WeightError(0.0, 0.0)
    true = np.concatenate([w.ravel() for w in exact]).astype(np.float64)
    unit = float(np.mean(w_scale)) * 2.0 ** (6 + w_exp)
    error = np.concatenate([w.ravel() for w in rounded]) / unit - true
    power, largest = np.sqrt(np.mean(true**2)), np.abs(true).max()
    if largest == 0:
        return WeightError(0.0, 0.0)
    return WeightError(
        float(np.sqrt(np.mean(error**2)) / power), float(np.abs(error).max() / largest)
    )
