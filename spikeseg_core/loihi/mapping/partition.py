"""Cores to chips and to places on the mesh.

Strategies by name: nengo-loihi's own ``greedy``, ``round_robin`` and ``greedy_interchip`` (its
allocators, run on the traffic), ``metis`` (as its ``PartitionInterchip`` would use METIS if
networkx-metis were published), and ``optimized`` (the best of many runs of METIS with every balance
that the chips allow, never worse than a known assignment).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pymetis

from spikeseg_core.errors import ConfigError, MappingError
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.placement import Placement, place
from spikeseg_core.loihi.mapping.traffic import Traffic

Strategy = Literal["greedy", "round_robin", "greedy_interchip", "metis", "optimized"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

WORK = 12_000
"""Default work of ``optimized``: cores partitioned by METIS, summed over its runs."""

CUTS = 16
"""Cuts METIS tries to keep the best; the quality of a single cut varies by half with the seed."""


def check_board(messages: Traffic, board: Board) -> None:
    """Check that the board has enough cores.

    Raises
    ------
    MappingError
        If it has too few; the message says how many are needed, and on how many chips they fit.
    """
    if messages.cores <= board.cores:
        return
    names, counts = np.unique(messages.layers, return_counts=True)
    raise MappingError(
        f"the network needs {messages.cores} cores (most of them {counts.max()} for layer "
        f"{str(names[counts.argmax()])!r}), a board of {board.chips} x {board.cores_per_chip} has "
        f"{board.cores}; use at least {-(-messages.cores // board.cores_per_chip)} chips, or tiles "
        "that need fewer cores"
    )


def partition(
    strategy: str,
    messages: Traffic,
    board: Board | None = None,
    seed: int = 0,
    *,
    tries: int | None = None,
    known: np.ndarray | None = None,
) -> Placement:
    """Assign cores to chips; METIS uses the fewest chips that hold them.

    Parameters
    ----------
    strategy : str
        One of ``STRATEGIES``.
    tries : int
        Runs of METIS for ``optimized``; by default 4 to 48, fewer for larger networks.
    known : ndarray of int, optional
        A known assignment, chip of every core, ``(cores,)``: ``optimized`` is never worse.

    Raises
    ------
    MappingError
        If the board has too few cores, or ``known`` is for another number of cores.
    ConfigError
        If there is no such strategy.
    """
    board = board or Board()
    check_board(messages, board)
    if strategy in _ALLOCATORS:
        return place(_allocate(strategy, messages, board), strategy)
    fewest = replace(board, chips=-(-messages.cores // board.cores_per_chip))
    if strategy == "metis":
        return place(metis(messages, fewest, seed), strategy)
    if strategy == "optimized":
        if tries is None:
            tries = int(np.clip(WORK // messages.cores, 4, 48))
        return place(best_metis(messages, fewest, seed, tries, known), strategy)
    raise ConfigError(f"unknown strategy {strategy!r}; there are {', '.join(STRATEGIES)}")


def placements(
    messages: Traffic, board: Board, seed: int = 0, known: np.ndarray | None = None
) -> dict[Strategy, Placement]:
    """Run every strategy on the same cores; parameters and errors as for :func:`partition`."""
    return {
        strategy: partition(strategy, messages, board, seed, known=known) for strategy in STRATEGIES
    }


# -- NengoLoihi's own allocators, on traffic instead of on built blocks ---------------------------


_ALLOCATORS = {
    "greedy": "Greedy",
    "round_robin": "RoundRobin",
    "greedy_interchip": "GreedyInterchip",
}


@dataclass(frozen=True)
class _Axon:
    n_axons: float
    target: object


@dataclass(frozen=True, eq=False)
class _Block:
    """What an allocator reads of a block: its targets, and how much it sends them."""

    synapses: tuple[object, ...]
    axons: tuple[_Axon, ...]


@dataclass(frozen=True)
class _Model:
    blocks: tuple[_Block, ...]
    inputs: tuple[object, ...] = ()
    probes: tuple[object, ...] = ()


def _allocate(strategy: str, messages: Traffic, board: Board) -> np.ndarray:
    from spikeseg_core.stack import nengo_loihi  # the other strategies run without it

    inputs = [object() for _ in range(messages.cores)]
    blocks = []
    for i in range(messages.cores):
        part = slice(messages.between.indptr[i], messages.between.indptr[i + 1])
        axons = zip(
            messages.between.data[part].tolist(),
            messages.between.indices[part].tolist(),
            strict=True,
        )
        blocks.append(_Block((inputs[i],), tuple(_Axon(n, inputs[j]) for n, j in axons)))
    allocator = getattr(nengo_loihi.hardware.allocators, _ALLOCATORS[strategy])()
    allocator.cores_per_chip = board.cores_per_chip  # round robin ignores it
    # Only the chips of blocks are needed; configuring cores would need built blocks.
    allocator.block_to_new_core = lambda block, chip: chip.new_core().add_block(block)
    placed = allocator(_Model(tuple(blocks)), board.chips)
    where = {
        id(core.blocks[0]): index for index, chip in enumerate(placed.chips) for core in chip.cores
    }
    return np.array([where[id(block)] for block in blocks])


# -- METIS ----------------------------------------------------------------------------------------


def metis(
    messages: Traffic,
    board: Board,
    seed: int = 0,
    *,
    imbalance: float | None = None,
    recursive: bool = True,
) -> np.ndarray:
    """Divide the cores among chips with METIS, minimizing the messages between chips.

    Parameters
    ----------
    imbalance : float, optional
        Largest number of cores on a chip over the mean; by default METIS's 1.03, at most what the
        chips allow.
    recursive : bool
        Bisect recursively instead of cutting into all chips at once.

    Returns
    -------
    ndarray of int
        Chip of every core, shape ``(cores,)``; no chip exceeds the board's cores per chip.
    """
    if board.chips == 1:
        return np.zeros(messages.cores, dtype=np.int64)
    graph = (messages.between + messages.between.T).tocsr()
    room = board.cores / messages.cores
    imbalance = min(imbalance or 1.03, room)
    largest = graph.data.max() if graph.nnz else 1.0
    # METIS needs integers: keep six digits of the heaviest edge.
    scale = 1.0 if (graph.data == graph.data.round()).all() else 1e6 / largest
    weights = np.maximum(np.round(graph.data * scale), 1).astype(np.int64)
    options = pymetis.Options(seed=seed, ncuts=CUTS, ufactor=max(1, int((imbalance - 1) * 1000)))
    _, parts = pymetis.part_graph(
        board.chips,
        pymetis.CSRAdjacency(graph.indptr.tolist(), graph.indices.tolist()),
        eweights=weights.tolist(),
        recursive=recursive,
        options=options,
    )
    return _within_chips(np.array(parts, dtype=np.int64), graph, board)


def _within_chips(parts: np.ndarray, graph: Any, board: Board) -> np.ndarray:
    """Move the cores beyond a chip's limit to where they cost least."""
    sizes = np.bincount(parts, minlength=board.chips)
    while sizes.max() > board.cores_per_chip:
        chip = int(sizes.argmax())
        here = np.flatnonzero(parts == chip)
        to_chips = np.stack(
            [np.asarray(graph[here][:, parts == c].sum(axis=1)).ravel() for c in range(board.chips)]
        )
        gain = to_chips - to_chips[chip]
        gain[sizes >= board.cores_per_chip] = -np.inf
        target, which = np.unravel_index(int(gain.argmax()), gain.shape)
        parts[here[which]] = target
        sizes = np.bincount(parts, minlength=board.chips)
    return parts


def best_metis(
    messages: Traffic, board: Board, seed: int, tries: int, known: np.ndarray | None = None
) -> np.ndarray:
    """Run METIS with many seeds and every balance that the chips allow; keep the best.

    Raises
    ------
    MappingError
        If ``known`` is for another number of cores.
    """
    if known is not None and len(known) != messages.cores:
        raise MappingError(
            f"the known chips are for {len(known)} cores, the network has {messages.cores}; "
            "run the quantize stage again"
        )
    room = board.cores / messages.cores
    best, fewest = known, np.inf if known is None else messages.interchip(known)
    for attempt in range(tries):
        if fewest == 0:
            break
        imbalance = 1 + (room - 1) * (1 - attempt % 4 / 4)
        parts = metis(
            messages, board, seed + attempt, imbalance=imbalance, recursive=attempt % 2 == 0
        )
        if (crossing := messages.interchip(parts)) < fewest:
            best, fewest = parts, crossing
    assert best is not None
    return best
