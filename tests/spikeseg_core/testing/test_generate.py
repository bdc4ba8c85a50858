import numpy as np

from spikeseg_core.testing.corpus import CASES
from spikeseg_core.testing.generate import write_corpus


def test_nengo_loihi_makes_the_same_corpus_again(tmp_path):
    write_corpus(tmp_path)
    for path in sorted(CASES.rglob("*.npz")):
        again = np.load(tmp_path / path.relative_to(CASES))
        stored = np.load(path)
        assert stored.files == again.files
        for name in stored.files:
            np.testing.assert_array_equal(again[name], stored[name], f"{path.parent.name} {name}")
    for path in (*CASES.rglob("*.json"), CASES / "README.md"):
        assert (tmp_path / path.relative_to(CASES)).read_bytes() == path.read_bytes()
