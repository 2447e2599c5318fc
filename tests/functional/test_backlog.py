"""A backlog at the start of a scheduler: each request is placed, or refused with the correct reason."""

from __future__ import annotations

from contextlib import ExitStack

from tests import TestCase, servers
from tests.functional import books
from tests.functional.fleet import UNIT, Fleet
from tests.functional.hammering import WHO
from tests.functional.program import PATIENCE_SECONDS
from volsched import conf
from volsched.db.records import Messages
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.service.application import open_application

FITTING, TOO_LARGE = 100, 4


class TestBacklog(TestCase):
    """Nothing has ever been scheduled, and no report reached a scheduler, before it finds them."""

    def test_all_that_fits_is_placed(self) -> None:
        stack = self.enterContext(ExitStack())
        url = stack.enter_context(servers.require("postgresql").database())
        fleet = stack.enter_context(Fleet(self.folder(), url))
        file = fleet.host("node", f"thick:{FITTING}, thin:{FITTING}", thick="thick")
        made = stack.enter_context(open_application(conf.load([str(file)])))
        agent = fleet.start("agent", file)
        fleet.until(made.backends.reports)
        agent.kill()
        for number in range(FITTING + TOO_LARGE):
            size = 1 if number % (FITTING // TOO_LARGE + 1) else 500
            made.api(WHO).volumes.create(size_gb=size, name=str(number))
        self.assertEqual({"scheduler": FITTING + TOO_LARGE}, WorkQueue(fleet.database).lengths())
        fleet.start("scheduler", file)
        fleet.start("agent", file)
        fleet.until(lambda: not WorkQueue(fleet.database).lengths(), 4 * PATIENCE_SECONDS)
        found = Volumes(fleet.database).list()
        self.assertEqual(
            ["available"] * FITTING + ["error"] * TOO_LARGE, sorted(volume.status.value for volume in found)
        )
        for volume in found:
            if volume.status.value == "error":
                self.assertEqual(500, volume.size_gb)
                (message,) = Messages(fleet.database).of(volume.id, None)
                self.assertRegex(message.text, r"\b500\b")
        self.assertEqual([], books.problems(fleet.database, fleet.disks, UNIT))
