"""Sphinx's settings for the documentation of volsched."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from reno import config as reno_config
from reno import formatter
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

TOP = Path(__file__).resolve().parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(TOP / "setup.cfg")

project = "volsched"
author = SETUP["metadata"]["author"]
copyright = author
release = version = SETUP["metadata"]["version"]

extensions = [
    "cliff.sphinxext",
    "oslo_config.sphinxext",
    "sphinx.ext.autodoc",
]
exclude_patterns = ["build"]
highlight_language = "none"
autoprogram_cliff_application = "volsched"

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


class Fragments:
    """The release notes of the version in setup.cfg, as reno's formatter asks for them.

    reno itself orders notes by the tags of a git history, which an unpacked archive does not have.
    """

    def __getitem__(self, version: str) -> list[tuple[str, str]]:
        return [(path.name, version) for path in sorted((TOP / "releasenotes" / "notes").glob("*.yaml"))]

    def parse_note_file(self, name: str, sha: str) -> Any:
        """What one fragment says, by section."""
        return yaml.safe_load((TOP / "releasenotes" / "notes" / name).read_text())


class ReleaseNotes(SphinxDirective):
    """All release notes, in reno's sections."""

    def run(self) -> list[nodes.Node]:
        """The sections, parsed where the directive stands."""
        text = formatter.format_report(Fragments(), reno_config.Config(str(TOP)), [release], show_source=False)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_directive("release-notes", ReleaseNotes)
