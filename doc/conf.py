"""Sphinx's settings for the documentation of volsched."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.application import Sphinx

TOP = Path(__file__).resolve().parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(TOP / "setup.cfg")

project = "volsched"
author = SETUP["metadata"]["author"]
copyright = author  # noqa: A001 - Sphinx's name
release = version = SETUP["metadata"]["version"]

extensions = [
    "cliff.sphinxext",
    "oslo_config.sphinxext",
    "sphinx.ext.autodoc",
]
exclude_patterns = ["build"]
default_role = "any"
nitpicky = False
highlight_language = "none"

autoprogram_cliff_application = "volsched"

# Release notes are one fragment a change in releasenotes/notes; reno orders them by the history of the repository.
HAS_HISTORY = (TOP / ".git").exists()
if HAS_HISTORY:
    extensions.append("reno.sphinxext")

html_theme = "alabaster"
html_title = "volsched"
html_theme_options = {
    "description": SETUP["metadata"]["description"],
    "fixed_sidebar": True,
    "page_width": "1080px",
    "sidebar_width": "240px",
}
html_copy_source = False
html_show_sphinx = False


class NotesWithoutHistory(Directive):
    """Stands in for reno's directive in an unpacked archive, which has no history to order the notes by."""

    has_content = True
    option_spec: ClassVar = {"unreleased-version-title": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """One paragraph that says where the notes are."""
        return [
            nodes.paragraph(text="This is an unpacked archive: the notes are in releasenotes/notes, one file each.")
        ]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    if not HAS_HISTORY:
        app.add_directive("release-notes", NotesWithoutHistory)
