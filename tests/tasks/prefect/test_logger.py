from __future__ import annotations

import subprocess
import sys

import pytest
from prefect import flow

from tasks.prefect.logger import run_logger


def test_outside_of_prefect_it_is_a_plain_one_and_imports_nothing() -> None:
    assert run_logger().name == "prefect.spikeseg"
    code = "import sys; from tasks.prefect.logger import run_logger; run_logger(); "
    done = subprocess.run([sys.executable, "-c", f"{code}assert 'prefect' not in sys.modules"])
    assert done.returncode == 0


@pytest.mark.usefixtures("prefect_server")
def test_a_flow_has_its_own() -> None:
    @flow
    def logging() -> str:
        return str(run_logger().name)

    assert logging() == "prefect.flow_runs"
