"""A pytest plugin for an environment with the packages of the core alone (`make core`).

Test files that need other packages, such as NengoLoihi as an oracle, are skipped there, and listed.
"""

from __future__ import annotations

import re

import pytest

ABSENT = re.compile(
    r"ModuleNotFoundError: No module named '"
    r"(nengo|nengo_dl|nengo_loihi|tensorflow|tf_keras|pandas|pyarrow|prefect|mlflow|matplotlib)\b"
)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> object:
    report = yield
    found = ABSENT.search(str(report.longrepr)) if report.failed else None
    if found:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: needs {found[1]}")
    return report
