import ast
from pathlib import Path

import spikeseg_core
from spikeseg_core import errors


def test_every_error_of_the_core_can_be_caught_as_one() -> None:
    """The command line prints these without a traceback; a ``TypeError`` is a bug of our own."""
    bases = {name for name in vars(errors) if name.endswith("Error")} | {"TypeError"}
    for file in Path(spikeseg_core.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and node.bases and node.name.endswith("Error"):
                found = {getattr(base, "id", "") for base in node.bases}
                assert node.name == "SpikeSegError" or found & bases, f"{file}: {node.name}"
