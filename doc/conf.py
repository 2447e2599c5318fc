"""Sphinx settings for the documentation of volsched."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from pygments.lexer import RegexLexer, bygroups, using
from pygments.lexers import BashLexer
from pygments.token import Generic
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
    "sphinx_copybutton",
]
exclude_patterns = ["build"]
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
autoprogram_cliff_application = "volsched"

# Only the commands of a session are copied: without the prompt, and without the output.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"
copybutton_selector = ", ".join(
    f"div.highlight-{language} pre" for language in ("console", "sh", "python", "ini", "toml", "yaml")
)

html_theme = "furo"
html_title = f"volsched {release}"
html_static_path = ["_static"]
html_css_files = ["volsched.css"]
html_theme_options = {
    "navigation_with_keys": True,
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7cc0ea", "color-brand-content": "#7cc0ea"},
}
html_copy_source = False
html_show_sphinx = False


class SessionLexer(RegexLexer):
    """A console session in which only `$ ` is a prompt; `host@backend#pool` resembles other prompts."""

    name = "Session"
    tokens = {  # noqa: RUF012, the form that Pygments prescribes
        "root": [
            (r"(\$ )((?:.*\\\n)*.*\n)", bygroups(Generic.Prompt, using(BashLexer))),
            (r".*\n", Generic.Output),
        ]
    }


class Fragments:
    """The release notes of the version in setup.cfg, in the form that reno's formatter reads.

    reno itself orders notes by the tags of a git history, which an unpacked archive does not have.
    """

    def __getitem__(self, version: str) -> list[tuple[str, str]]:
        return [(path.name, version) for path in sorted((TOP / "releasenotes" / "notes").glob("*.yaml"))]

    def parse_note_file(self, name: str, sha: str) -> Any:
        """Return the sections of one note."""
        return yaml.safe_load((TOP / "releasenotes" / "notes" / name).read_text())


class ReleaseNotes(SphinxDirective):
    """All release notes, in reno's sections."""

    def run(self) -> list[nodes.Node]:
        """Return the sections, parsed at the place of the directive."""
        text = formatter.format_report(Fragments(), reno_config.Config(str(TOP)), [release], show_source=False)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Register the directive and the lexer."""
    app.add_lexer("console", SessionLexer)
    app.add_directive("release-notes", ReleaseNotes)
