"""Vector instructions, which numba cannot express.

Adding a run of weights, updating 16 compartments, and listing which of them spiked. They compile
to the vector width of the processor. Integer arithmetic wraps around, which is what the chip does.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

LANES = 16
"""Compartments updated at once; rows and runs of weights are padded to multiples of it."""

Q_BITS, U_BITS, DECAY_BITS = 21, 23, 12
"""Bits (without sign) of the synaptic accumulator and of the current; bits of a decay constant."""

_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(_INT32, LANES)


def pointer_to(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Pointer to ``LANES`` consecutive elements of a one-dimensional array."""
    struct = make_array(kind)(context, builder, array)
    element = context.get_data_type(kind.dtype)
    pointer = builder.gep(struct.data, [index])
    return builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())


def _load(builder: Any, pointer: Any) -> Any:
    value = builder.load(pointer)
    value.align = value.type.element.width // 8
    return value


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, pointer).align = value.type.element.width // 8


def _splat(builder: Any, scalar: Any) -> Any:
    vector = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, _INT32(0))
    return builder.shuffle_vector(
        vector, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_VECTOR, None)
    )


def _constant(value: int) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


def _wrap(builder: Any, value: Any, bits: int) -> Any:
    """Keep ``bits`` bits and a sign, as a register of that width does (``overflow_signed``)."""
    spare = _constant(31 - bits)
    return builder.ashr(builder.shl(value, spare), spare)


def _decay(builder: Any, value: Any, keep: Any) -> Any:
    """``sign(x) * ((|x| * keep) >> 12)`` in 32 bits, by halves, for ``|x| < 2**24``."""
    sign = builder.ashr(value, _constant(31))
    size = builder.sub(builder.xor(value, sign), sign)
    high = builder.mul(builder.lshr(size, _constant(DECAY_BITS)), keep)
    low = builder.mul(builder.and_(size, _constant(2**DECAY_BITS - 1)), keep)
    size = builder.add(high, builder.lshr(low, _constant(DECAY_BITS)))
    return builder.sub(builder.xor(size, sign), sign)


def _choose(builder: Any, condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """One of two vectors; the other is not computed."""
    with builder.if_else(condition) as (then, otherwise):
        with then:
            first, first_block = yes(), builder.block
        with otherwise:
            second, second_block = no(), builder.block
    chosen = builder.phi(first.type)
    chosen.add_incoming(first, first_block)
    chosen.add_incoming(second, second_block)
    return chosen


def _decay_by_all(builder: Any, value: Any, keep: Any) -> Any:
    """:func:`_decay` by one number, quicker for those that nearly all networks have.

    4096 leaves a voltage without a leak as it is; 1 is left of a current without a filter.
    """

    def equal(number: int) -> Any:
        return builder.icmp_signed("==", keep, _INT32(number))

    def toward_zero() -> Any:
        up = builder.lshr(builder.ashr(value, _constant(31)), _constant(32 - DECAY_BITS))
        return builder.ashr(builder.add(value, up), _constant(DECAY_BITS))

    def any_other() -> Any:
        return _choose(
            builder, equal(1), toward_zero, lambda: _decay(builder, value, _splat(builder, keep))
        )

    return _choose(builder, equal(2**DECAY_BITS), lambda: value, any_other)


@intrinsic
def add_run(typing: Any, totals: Any, at: Any, weights: Any, start: Any) -> Any:
    """``totals[at:at + LANES] += weights[start:start + LANES]``, wrapping around."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = pointer_to(context, builder, signature.args[0], args[0], args[1])
        run = pointer_to(context, builder, signature.args[2], args[2], args[3])
        _store(builder, builder.add(_load(builder, to), _load(builder, run)), to)
        return context.get_dummy_value()

    return types.void(totals, types.intp, weights, types.intp), code


@intrinsic
def update(
    typing: Any,
    totals: Any,
    at: Any,
    current: Any,
    voltage: Any,
    resting: Any,
    bias: Any,
    vth: Any,
    i: Any,
    constants: Any,
) -> Any:
    """Advance compartments ``i : i + LANES`` by one step; return the spikes as bits.

    ``totals[at:at + LANES]`` is the synaptic input of this step; it is cleared. ``resting`` counts
    the remaining refractory steps, or is None if no neuron has more than one (that of the spike).
    The constants are ``(shift, keep_u, keep_v, vmin, vmax, refract)``: totals are in units of
    ``2**shift``, and ``keep`` is what one step of decay leaves of 4096.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalars = cgutils.unpack_tuple(builder, args[8], 6)
        shift, _, _, vmin, vmax, refract = (_splat(builder, scalar) for scalar in scalars)
        _, keep_u, keep_v, *_ = scalars
        totals_at = pointer_to(context, builder, signature.args[0], args[0], args[1])
        u_at, v_at, rest_at, bias_at, vth_at = (
            None
            if signature.args[k] is types.none
            else pointer_to(context, builder, signature.args[k], args[k], args[7])
            for k in (2, 3, 4, 5, 6)
        )
        zero = _constant(0)
        q = _load(builder, totals_at)
        _store(builder, ir.Constant(q.type, None), totals_at)
        if q.type.element.width < _INT32.width:
            q = builder.sext(q, _VECTOR)
        q = _wrap(builder, builder.shl(q, shift), Q_BITS)
        u = builder.add(_decay_by_all(builder, _load(builder, u_at), keep_u), q)
        u = _wrap(builder, u, U_BITS)
        _store(builder, u, u_at)
        drive = _wrap(builder, builder.add(u, _load(builder, bias_at)), U_BITS)
        v = builder.add(_decay_by_all(builder, _load(builder, v_at), keep_v), drive)
        v = builder.select(builder.icmp_signed("<", v, vmin), vmin, v)
        v = builder.select(builder.icmp_signed(">", v, vmax), vmax, v)
        if rest_at is not None:
            rest = _load(builder, rest_at)
            v = builder.select(builder.icmp_signed(">", rest, zero), zero, v)
        spiked = builder.icmp_signed(">", v, _load(builder, vth_at))
        _store(builder, builder.select(spiked, zero, v), v_at)
        if rest_at is not None:
            rest = builder.sub(builder.select(spiked, refract, rest), _constant(1))
            rest = builder.select(builder.icmp_signed("<", rest, zero), zero, rest)
            _store(builder, rest, rest_at)
        return builder.zext(builder.bitcast(spiked, ir.IntType(LANES)), ir.IntType(64))

    signature = types.uint64(
        totals, types.intp, current, voltage, resting, bias, vth, types.intp, constants
    )
    return signature, code


@intrinsic
def nonzero(typing: Any, values: Any, i: Any) -> Any:
    """Say which of the bytes ``i : i + LANES`` are not 0, as bits."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = _load(builder, pointer_to(context, builder, signature.args[0], args[0], args[1]))
        bits = builder.icmp_unsigned("!=", found, ir.Constant(found.type, None))
        return builder.zext(builder.bitcast(bits, ir.IntType(LANES)), ir.IntType(64))

    return types.uint64(values, types.intp), code


@intrinsic
def lowest_bit(typing: Any, bits: Any) -> Any:
    """Position of the lowest set bit; ``bits`` must not be 0."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), code
