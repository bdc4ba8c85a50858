"""Light imports; `make lint` checks the import contracts."""

import subprocess
import sys


def test_settings_load_without_the_heavy_packages() -> None:
    code = (
        "import sys, spikeseg_core.config.presets; "
        "print([m for m in ('tensorflow', 'nengo', 'prefect', 'mlflow') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
