"""Links of the pages that are read outside of the site: README, CONTRIBUTING, CHANGELOG."""

from __future__ import annotations

import re

import pytest

from tests.docs.prose import ROOT

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_a_link_leads_somewhere(page: str) -> None:
    found = LINK.findall((ROOT / page).read_text())
    assert found
    for path, anchor in found:
        assert (ROOT / path).exists(), path
        assert not anchor or anchor in anchors((ROOT / path).read_text()), f"{path}#{anchor}"


def anchors(text: str) -> set[str]:
    """Anchors of the headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-") for heading in headings}
