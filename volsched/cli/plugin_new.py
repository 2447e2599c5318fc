"""`volsched plugin new`: a package for a plugin of one's own, complete and working, to begin with."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from volsched.cli.command import DONE, Command


class PluginNew(Command):
    """Write a package for a new plugin: a working example, its options, its tests, and what it takes to publish it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        from volsched.ops.scaffold import SORTS

        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("kind", metavar="KIND", help=f"what it is: {', '.join(SORTS)}")
        parser.add_argument("name", metavar="NAME", help="what operators will select it by, e.g. rack or power_zone")
        parser.add_argument("--package", metavar="PACKAGE", help="the name of the package (default: volsched-NAME)")
        parser.add_argument(
            "--folder", metavar="FOLDER", type=Path, help="where to write it (default: a folder named as the package)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        from volsched.ops.scaffold import planned

        made = planned(parsed_args.kind, parsed_args.name, parsed_args.package)
        folder = parsed_args.folder or Path(made.package)
        written = made.write(folder)
        self.app.stdout.write("".join(f"{path}\n" for path in written))
        self.say(
            f"\nA {made.sort.spelt} that works, in {made.class_name}: make it yours. To try it:\n"
            f"  cd {shlex.quote(str(folder))} && pip install --editable '.[test]' && stestr run"
        )
        return DONE
