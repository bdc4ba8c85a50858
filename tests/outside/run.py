"""Map and emulate networks that others trained: ``make outside``.

Their packages are fetched by pip and npm, checked against the digests here, and stay in
``build/outside``; no weight of theirs is in this project. Figures: neurons, cores, messages and
spikes are counted on the emulator, energy is modelled, times are measured.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from skimage import data

from spikeseg_core.bench.networks import CALIBRATION, SHOWN
from spikeseg_core.bench.networks import row as networks_row
from spikeseg_core.errors import MappingError
from spikeseg_core.frontends.emulation import emulate
from spikeseg_core.frontends.mapped import MappedGraph, map_graph
from spikeseg_core.frontends.reading import read_model
from spikeseg_core.loihi.chip import LOIHI_1, Board
from spikeseg_core.network import DT, Graph
from tests.outside import networks

FOLDER = Path(__file__).parents[2] / "build/outside"

FACE, PATCH = 56, 16
"""Pixels along an axis of faces (the networks were trained with 112), and of pictures."""


@dataclass(frozen=True)
class Package:
    """A file of a registry, and its digest."""

    registry: str
    name: str
    version: str
    licence: str
    sha256: str

    def folder(self) -> Path:
        """Fetch, check and unpack it."""
        folder = FOLDER / self.name.replace("/", "-").lstrip("@")
        if folder.exists():
            return folder
        fetched = FOLDER / "fetched"
        shutil.rmtree(fetched, ignore_errors=True)
        fetched.mkdir(parents=True)
        if self.registry == "PyPI":
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
            command = [*pip, f"{self.name}=={self.version}"]
        else:
            command = ["npm", "pack", "--silent", f"{self.name}@{self.version}"]
        subprocess.run(command, cwd=fetched, check=True, stdout=subprocess.DEVNULL)
        (archive,) = fetched.iterdir()
        if hashlib.sha256(archive.read_bytes()).hexdigest() != self.sha256:
            sys.exit(f"{archive.name} of {self.registry} is not the file that was mapped before")
        if archive.suffix == ".whl":
            zipfile.ZipFile(archive).extractall(fetched / "package")
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(fetched, filter="data")
        (fetched / "package").rename(folder)
        return folder


LUDAX = Package(
    "PyPI",
    "ludax-agents",
    "1.0.0",
    "Apache-2.0",
    "d60739c965497bb55bce54446bc7e3260fc48d011414867f3e48e4dab97ce9e9",
)
FACES = Package(
    "npm",
    "@vladmandic/face-api",
    "1.7.15",
    "MIT",
    "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
)
UPSCALER = Package(
    "npm",
    "@upscalerjs/default-model",
    "1.0.0",
    "MIT",
    "4d40035493971cf5a9dac28738dd04c5c13e5b936bf35fa467bb368b99a1d36c",
)


@dataclass(frozen=True)
class Outside:
    """A network of others."""

    title: str
    package: Package
    file: Callable[[Path, Path], Path]
    items: Callable[[int], np.ndarray]
    chips: int = 16
    classes: bool = False


def portraits(count: int) -> np.ndarray:
    """The face in scikit-image's portrait, shifted: ``(items, 3, FACE, FACE)``, 0 to 255."""
    picture, rng = data.astronaut(), np.random.default_rng(0)
    found = []
    for row, column in rng.integers(-12, 13, (count, 2)):
        part = picture[20 + row : 20 + row + 224, 110 + column : 110 + column + 224]
        found.append(part.reshape(FACE, 224 // FACE, FACE, 224 // FACE, 3).mean((1, 3)))
    return np.stack(found).transpose(0, 3, 1, 2).astype(np.float32)


def patches(size: int) -> Callable[[int], np.ndarray]:
    """Patches of the same portrait, 0 to 255, for a network that takes 0 to 1."""

    def cut(count: int) -> np.ndarray:
        picture, rng = data.astronaut(), np.random.default_rng(1)
        at = rng.integers(0, 512 - size, (count, 2))
        found = np.stack([picture[r : r + size, c : c + size] for r, c in at])
        return found.transpose(0, 3, 1, 2).astype(np.float32) / 255

    return cut


def positions(count: int) -> np.ndarray:
    """Positions of random games of reversi: the player's discs, the other's discs."""
    rng, found = np.random.default_rng(2), list[np.ndarray]()
    while len(found) < count:
        board = np.zeros((10, 10), int)
        board[4, 4] = board[5, 5] = -1
        board[4, 5] = board[5, 4] = 1
        for _ in range(int(rng.integers(4, 40))):
            moves = {
                (r, c): flips
                for r, c in zip(*np.nonzero(board[1:9, 1:9] == 0), strict=True)
                if (flips := _flips(board, int(r) + 1, int(c) + 1))
            }
            if moves:
                (r, c), flips = list(moves.items())[rng.integers(len(moves))]
                for place in [*flips, (r + 1, c + 1)]:
                    board[place] = 1
            board = -board
        found.append(np.stack([board[1:9, 1:9] == 1, board[1:9, 1:9] == -1]))
    return np.stack(found).astype(np.float32)


def _flips(board: np.ndarray, row: int, column: int) -> list[tuple[int, int]]:
    """Discs that a move of player 1 turns."""
    turned = []
    for up, right in np.ndindex(3, 3):
        line, (r, c) = [], (row + up - 1, column + right - 1)
        while board[r, c] == -1:
            line.append((r, c))
            r, c = r + up - 1, c + right - 1
        turned += line if board[r, c] == 1 else []
    return turned


def face(name: str) -> Callable[[Path, Path], Path]:
    """Convert one of the face networks."""
    return lambda folder, path: networks.face(folder, name, path, FACE)


NETWORKS = (
    Outside(
        "reversi player, policy",
        LUDAX,
        lambda folder, path: networks.reversi(
            folder / "ludax_agents/checkpoints/reversi.ckpt", path
        ),
        positions,
        classes=True,
    ),
    Outside("facial landmarks, tiny", FACES, face("face_landmark_68_tiny_model"), portraits),
    Outside("facial landmarks, full", FACES, face("face_landmark_68_model"), portraits),
    Outside("facial expression", FACES, face("face_expression_model"), portraits, classes=True),
    Outside(
        "picture of twice the size",
        UPSCALER,
        lambda folder, path: networks.upscaler(folder, path, PATCH),
        patches(PATCH),
    ),
)

COLUMNS = {
    "ensembles": "{ensembles}",
    "neurons on chip": "{neurons:,}",
    "chips": "{chips}",
    "cores": "{cores}",
    "messages between chips, a step": "{messages_between_chips:,.0f}",
    "spikes a step": "{spikes:,.0f}",
    "mJ an item": "{total_mj:.2f}",
    "correlation of rates": "{correlation:.3f}",
    "of the output": "{correlation_of_output:.3f}",
    "same largest output": "{same_largest_output}",
}
"""Columns of the table and how they are written."""


def on_fewest(graph: Graph, items: np.ndarray, most: int) -> MappedGraph:
    """Map onto 1, 2, 4, ... chips, from the first that have the neurons to those that fit."""
    chips = 1
    while chips * LOIHI_1.cores * LOIHI_1.compartments < graph.neurons_on_chip:
        chips *= 2
    while True:
        try:
            return map_graph(graph, Board(chips), items)
        except MappingError:
            if chips >= most:
                raise
            chips *= 2


def row(each: Outside, steps: int) -> str:
    """Map and emulate a network: a row of the table."""
    package, began = each.package, perf_counter()
    path = FOLDER / f"{each.title}.onnx"
    each.file(package.folder(), path)
    cells = [each.title, f"{package.name} {package.version}", package.licence]
    graph = read_model(path)
    items = graph.items(each.items(CALIBRATION + SHOWN))
    mapped = on_fewest(graph, items[:CALIBRATION], each.chips)
    mapping = perf_counter() - began
    run = emulate(mapped, items[CALIBRATION:], steps)
    emulation = (perf_counter() - began - mapping) / SHOWN
    found = networks_row(mapped, run)
    same = found["same_largest_output"]
    found["same_largest_output"] = f"{same:.0%}" if each.classes else ""
    found["spikes"] = found["mean_rate_hz"] * found["neurons"] * DT
    cells += [how.format(**found) for how in COLUMNS.values()]
    print(
        f"{each.title}: mapped in {mapping:.0f} s, an item emulated in {emulation:.1f} s",
        file=sys.stderr,
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400, help="of an item, 1 ms each")
    parser.add_argument("--only", default="", help="networks with this in their title")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    head = ["network", "package", "licence", *COLUMNS]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for each in NETWORKS:
        if given.only in each.title:
            print(row(each, given.steps), flush=True)


if __name__ == "__main__":
    main()
