"""One step of 16 compartments that may all differ, with their overflows."""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from spikeseg_core.loihi.emulator.vectors import (
    LANES,
    Q_BITS,
    U_BITS,
    _constant,
    _decay,
    _load,
    _store,
    _wrap,
    pointer_to,
)


@intrinsic
def step_lanes(
    typing: Any,
    total: Any,
    current: Any,
    voltage: Any,
    resting: Any,
    bias: Any,
    vth: Any,
    keep_u: Any,
    keep_v: Any,
    vmin: Any,
    vmax: Any,
    refract: Any,
    i: Any,
) -> Any:
    """Advance compartments ``i : i + LANES`` by one step; clear their totals.

    All arrays are int32, an element for each compartment. Returns 4 times 16 bits, a bit for each
    compartment: spikes (lowest), and overflows of the synaptic input, current and drive.
    """
    arrays = (total, current, voltage, resting, bias, vth, keep_u, keep_v, vmin, vmax, refract)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = [
            pointer_to(context, builder, kind, array, args[-1])
            for kind, array in zip(signature.args[:-1], args[:-1], strict=True)
        ]
        zero = _constant(0)
        given, u, v, rest, bias_, vth_, keep_u_, keep_v_, low, high, refract_ = (
            _load(builder, pointer) for pointer in at
        )
        _store(builder, zero, at[0])
        q = _wrap(builder, given, Q_BITS)
        raw_u = builder.add(_decay(builder, u, keep_u_), q)
        u = _wrap(builder, raw_u, U_BITS)
        _store(builder, u, at[1])
        raw_drive = builder.add(u, bias_)
        drive = _wrap(builder, raw_drive, U_BITS)
        v = builder.add(_decay(builder, v, keep_v_), drive)
        v = builder.select(builder.icmp_signed("<", v, low), low, v)
        v = builder.select(builder.icmp_signed(">", v, high), high, v)
        v = builder.select(builder.icmp_signed(">", rest, zero), zero, v)
        spiked = builder.icmp_signed(">", v, vth_)
        _store(builder, builder.select(spiked, zero, v), at[2])
        rest = builder.sub(builder.select(spiked, refract_, rest), _constant(1))
        _store(builder, builder.select(builder.icmp_signed("<", rest, zero), zero, rest), at[3])
        overs = [
            builder.icmp_signed("!=", *pair)
            for pair in ((q, given), (u, raw_u), (drive, raw_drive))
        ]
        word = ir.Constant(ir.IntType(64), 0)
        for k, mask in enumerate((spiked, *overs)):
            bits = builder.zext(builder.bitcast(mask, ir.IntType(LANES)), ir.IntType(64))
            word = builder.or_(word, builder.shl(bits, ir.Constant(ir.IntType(64), LANES * k)))
        return word

    return types.uint64(*arrays, types.intp), code
