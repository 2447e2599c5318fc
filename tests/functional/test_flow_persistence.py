"""Both flows with TaskFlow's persistence: another process resumes or reverts the flow of a killed process."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import closing

from tests import TestCase
from tests.functional import books, keeping
from tests.functional.fleet import UNIT, Fleet
from tests.functional.keeping import CASES, CREATION, Case
from tests.functional.program import PATIENCE_SECONDS
from volsched.db.volumes import Volumes
from volsched.flows import stored
from volsched.model.volume import Volume


class TestFlowPersistence(TestCase):
    """Each flow dies right after each of its tasks, before and after TaskFlow wrote the result down."""

    def setUp(self) -> None:
        super().setUp()
        home = self.folder()
        self.fleet = self.enterContext(Fleet(home, f"sqlite:///{home}/volsched.db"))
        self.file = self.fleet.host("node", "thick:200", thick="thick")
        self.kept = f"sqlite:///{home}/taskflow.db"
        self.process(keeping.end_them, "resume")  # nothing yet; the backend marks its pool with the first report
        keeping.images(self.fleet.disks / "node" / "thick", UNIT)

    def process(self, does: Callable[..., None], *more: str) -> None:
        arguments = (str(self.file), self.kept, *more)
        process = multiprocessing.get_context("forkserver").Process(target=does, args=arguments)
        process.start()
        process.join(PATIENCE_SECONDS)
        self.assertEqual(0, process.exitcode)

    def left(self, end: str) -> dict[str, Volume]:
        """What is there after all flows were run until they died, and another process ended them."""
        self.process(keeping.end_them, end)
        self.process(keeping.run_and_die)
        backend = stored.opened(self.kept)
        with closing(backend):
            self.assertEqual(len(CASES), len([*stored.unfinished(backend)]))
        self.process(keeping.end_them, end)
        self.assertEqual([], books.problems(self.fleet.database, self.fleet.disks, UNIT))
        return {volume.name or "": volume for volume in Volumes(self.fleet.database).list()}

    def test_resumed(self) -> None:
        found = self.left("resume")
        self.assertEqual({case.name: ("available", wanted(case)) for case in CASES}, statuses(found))

    def test_reverted(self) -> None:
        """A creation that is reverted is as if the flow had not run: the request is there, and is served."""
        found = self.left("revert")
        created = [case for case in CASES if case.task in CREATION]
        self.assertEqual({case.name: ("available", wanted(case)) for case in created}, statuses(found))


def wanted(case: Case) -> int:
    return 2 if case.task in CREATION else 3


def statuses(found: dict[str, Volume]) -> dict[str, tuple[str, int]]:
    return {name: (volume.status.value, volume.size_gb) for name, volume in found.items()}
