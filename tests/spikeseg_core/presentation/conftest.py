import pytest

from tests.spikeseg_core.presentation.searched import Searched, searched


@pytest.fixture(scope="session")
def small_search(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return searched(tmp_path_factory.mktemp("data"))
