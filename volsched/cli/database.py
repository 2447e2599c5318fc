"""`volsched db …`: the tables, and which version of them there is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, ShowOne

if TYPE_CHECKING:
    from volsched.db.database import Database

Fields = tuple[Sequence[str], Sequence[Any]]


class _OfTheDatabase(ShowOne):
    """A command about the database itself, which therefore need not be of this version."""

    columns = ("database", "version", "needed")

    def database(self) -> Database:
        from volsched.db.database import Database

        return Database.configured(self.configuration())

    def fields(self, database: Database) -> Fields:
        """What the database has and what this volsched needs."""
        from volsched.db import upgrade

        return self.columns, (database.name, database.version(), upgrade.latest())


class DatabaseUpgrade(_OfTheDatabase):
    """Make the tables, or bring them up to this version of volsched. Running it again is harmless."""

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        database = self.database()
        try:
            database.upgrade()
            return self.fields(database)
        finally:
            database.close()


class DatabaseVersion(_OfTheDatabase):
    """Show which version the tables have, and which one this volsched needs. Exit status 1: they differ."""

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        database = self.database()
        try:
            names, values = self.fields(database)
        finally:
            database.close()
        if values[1] != values[2]:
            self.exit_status = ANSWER_IS_NO
            self.say("volsched: the tables are not those of this version; run volsched db upgrade")
        return names, values
