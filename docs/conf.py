"""Settings of Sphinx: `make docs` builds the site, without anything from other hosts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
os.environ.setdefault("SPIKESEG_HOME", str(HERE.parent / "build" / "docs-state"))

import generated  # noqa: E402

from spikeseg_core import __version__  # noqa: E402

project = "SpikeSeg"
author = "The SpikeSeg developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

html_theme = "furo"
html_title = f"SpikeSeg {release}"
html_show_sphinx = html_copy_source = False
templates_path: list[str] = []
# Headings can be linked to, as on the pages of code hosts.
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config, model_post_init"}
napoleon_google_docstring = False
napoleon_use_ivar = True
# Words of types, such as ``(tiles, rows)``, are looked up as names, which several things have.
suppress_warnings = ["ref.python"]


def setup(app: Any) -> None:
    """Write the generated pages before Sphinx looks for pages."""
    app.connect("builder-inited", lambda app: generated.write_all(HERE / "reference" / "generated"))
