"""Who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

GROUP = "policy"
HELP = "Who may do what."
BESIDE = "policy.yaml"


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.StrOpt(
            "file",
            default="",
            deprecated_opts=[cfg.DeprecatedOpt("policy_file", group="oslo_policy")],
            help="The policy file, in the language of oslo.policy; a relative name is looked for beside the "
            f"configuration. Empty: ``{BESIDE}`` beside the configuration if it is there, else the defaults, which "
            "``volsched policy list`` shows. It is read anew when it has changed.",
        ),
    ]


def file_of(named: str, configuration: Sequence[str]) -> Path | None:
    """The policy file. `named`: the option's value; `configuration`: the configuration's files, later ones first asked.

    None where none is named, and none is beside the configuration.
    """
    if named and Path(named).expanduser().is_absolute():
        return Path(named).expanduser()
    folders = list(dict.fromkeys(Path(file).parent for file in reversed(configuration)))
    found = next((folder / (named or BESIDE) for folder in folders if (folder / (named or BESIDE)).exists()), None)
    if found is None and named:
        return (folders[0] if folders else Path.cwd()) / named
    return found
