"""Cores to chips and to places on the mesh.

Strategies by name: nengo-loihi's own ``greedy``, ``round_robin`` and ``greedy_interchip`` (its
allocators, run on the traffic), ``metis`` (as its ``PartitionInterchip`` would use METIS, which it
cannot here because networkx-metis is not published), and ``optimized`` (METIS many times over, with
every balance that the chips allow, the best kept, never worse than chips that were known before).
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
from spikeseg_core.stack import nengo_loihi

allocators = nengo_loihi.hardware.allocators

Strategy = Literal["greedy", "round_robin", "greedy_interchip", "metis", "optimized"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

WORK = 12_000
"""Cores that METIS partitions for ``optimized``, all its runs together, by default."""

CUTS = 16
"""Cuts METIS tries of which it keeps the best; one alone varies by half with its seed."""


def check_board(messages: Traffic, board: Board) -> None:
    """Check that the board has enough cores.

    Raises
    ------
    MappingError
        If not: how many there are, how many are needed, and on how many chips they would fit.
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
    messages : Traffic
        What the cores send each other, best with measured rates.
    board : Board, optional
        By default two chips.
    seed : int
        Seed of METIS.
    tries : int
        Runs of METIS that ``optimized`` keeps the best of; by default 4 to 48, fewer for larger
        networks.
    known : ndarray of int, optional
        Chip of every core, ``(cores,)``, as found before: ``optimized`` is never worse.

    Raises
    ------
    MappingError
        If the board has too few cores, or ``known`` is of other cores.
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
    """Run every strategy on the same cores; parameters and errors as of :func:`partition`."""
    return {
        strategy: partition(strategy, messages, board, seed, known=known) for strategy in STRATEGIES
    }


# -- NengoLoihi's own allocators, on traffic instead of on built blocks ---------------------------


_ALLOCATORS = {
    "greedy": allocators.Greedy,
    "round_robin": allocators.RoundRobin,
    "greedy_interchip": allocators.GreedyInterchip,
}


@dataclass(frozen=True)
class _Axon:
    n_axons: float
    target: object


@dataclass(frozen=True, eq=False)
class _Block:
    """What an allocator looks at of a block: who it sends to, and how much."""

    synapses: tuple[object, ...]
    axons: tuple[_Axon, ...]


@dataclass(frozen=True)
class _Model:
    blocks: tuple[_Block, ...]
    inputs: tuple[object, ...] = ()
    probes: tuple[object, ...] = ()


def _allocate(strategy: str, messages: Traffic, board: Board) -> np.ndarray:
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
    allocator = _ALLOCATORS[strategy]()
    allocator.cores_per_chip = board.cores_per_chip  # round robin never looks at it
    # Only where blocks go is wanted: the configuration of their cores needs built blocks.
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
    """Cut the cores into chips with METIS, few messages between them.

    Parameters
    ----------
    imbalance : float, optional
        Most cores of a chip over the mean; by default METIS's 1.03, or what the chips allow.
    recursive : bool
        Bisect again and again rather than cut into all chips at once.

    Returns
    -------
    ndarray of int
        Chip of every core, shape ``(cores,)``; no chip has more cores than the board gives it.
    """
    if board.chips == 1:
        return np.zeros(messages.cores, dtype=np.int64)
    graph = (messages.between + messages.between.T).tocsr()
    room = board.cores / messages.cores
    imbalance = min(imbalance or 1.03, room)
    largest = graph.data.max() if graph.nnz else 1.0
    # METIS wants whole numbers: keep six digits of the heaviest edge.
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
    """Move the cores that METIS put over a chip's limit, each where it costs least."""
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
    """Run METIS with many seeds and every balance the chips allow; keep the fewest crossings.

    Raises
    ------
    MappingError
        If ``known``, which the result is never worse than, is of another number of cores.
    """
    if known is not None and len(known) != messages.cores:
        raise MappingError(
            f"the chips found before are of {len(known)} cores, the network has {messages.cores}; "
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
