"""`volsched db …`: the version of the database's tables, and their upgrade."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from volsched.cli.command import Fields, ShowOne

if TYPE_CHECKING:
    from volsched.service.database_version import DatabaseVersion

COLUMNS = ("database", "version", "needed")


def _fields(found: DatabaseVersion) -> Fields:
    return COLUMNS, (found.name, found.version, found.needed)


class DatabaseUpgrade(ShowOne):
    """Create the tables, or upgrade them to this version of volsched. Running it again changes nothing."""

    columns = COLUMNS

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.service.database_version import upgrade

        return _fields(upgrade(self.configuration()))


class DatabaseShow(ShowOne):
    """Show the version of the tables and the version that this volsched needs. Exit status 1: they differ."""

    columns = COLUMNS

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.service.database_version import read_version

        found = read_version(self.configuration())
        if found.version != found.needed:
            self.fail("the tables are not of this version of volsched; run volsched db upgrade")
        return _fields(found)
