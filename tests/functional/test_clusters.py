"""Agents of a cluster with shared storage: each can do the work, and each volume exists once."""

from __future__ import annotations

from tests import TestCase
from volsched import conf
from volsched.db.database import Database
from volsched.model.volume import Volume
from volsched.service.application import Application, open_application

CONTEXT = {"project_id": "p1", "user_id": "u1", "is_admin": True}
SETTINGS = """
[paths]
state_path = {folder}
[database]
connection = sqlite:///{folder}/volsched.sqlite
[agent]
host = {host}
cluster = shared
backends = disk
availability_zone = west
[backend_disk]
driver = directory
path = {folder}/disk
pools = one, two
pool_size_gb = one:10, two:5
unit_bytes = 4096
"""


class TestCluster(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        database = Database(f"sqlite:///{self.place}/volsched.sqlite")
        database.upgrade()
        database.close()
        self.left, self.right = self.agent("left"), self.agent("right")

    def agent(self, host: str) -> Application:
        """One of its agents, which has reported."""
        file = self.place / f"{host}.conf"
        file.write_text(SETTINGS.format(folder=self.place, host=host))
        application = self.enterContext(open_application(conf.load([str(file)], use_env=False)))
        application.report()
        return application

    def done(self, volume: Volume, by: Application) -> Volume:
        """What becomes of a volume whose work this agent does, and no other."""
        self.assertTrue(by.scheduler.work_once())
        while by.agent.work_once():
            pass
        return by.api(CONTEXT).volumes.get(volume.id)

    def test_it_is_one_backend(self) -> None:
        (backend,) = self.left.backends.list()
        self.assertEqual("shared@disk", backend.backend_id)
        self.assertEqual([("one", "west"), ("two", "west")], [(pool.name, pool.zone) for pool in backend.pools])
        self.left.pools.sync()  # the other one was heard last
        self.left.agent.report_all()
        (backend,) = self.right.backends.list()
        self.assertEqual({"west"}, {pool.zone for pool in backend.pools})
        self.assertEqual(2, len(self.right.pools.table().pools))

    def test_a_volume_made_by_one_grows_by_another_and_is_retyped_in_its_pool(self) -> None:
        made = self.done(self.left.api(CONTEXT).volumes.create(size_gb=2), self.left)
        self.assertEqual(("available", "shared@disk#one", "shared@disk#one"), _where(made))
        grown = self.done(self.left.api(CONTEXT).volumes.extend(made.id, 3), self.right)
        self.assertEqual((3, *_where(made)), (grown.size_gb, *_where(grown)))
        self.left.types.create("archive")
        retyped = self.done(self.right.api(CONTEXT).volumes.retype(made, "archive"), self.left)
        self.assertEqual(
            ("archive", *_where(made)), (self.left.types.find(retyped.volume_type_id or "").name, *_where(retyped))
        )
        self.assertEqual(3, sum(claim.size_gb for claim in self.right.claims.in_pools(["shared@disk#one"])))

    def test_what_one_left_another_does(self) -> None:
        asked = self.left.api(CONTEXT).volumes.create(size_gb=1)
        self.assertTrue(self.left.scheduler.work_once())
        self.assertIsNotNone(self.left.work.take(self.left.agent.queues, "gone:1:1", 30.0))
        self.assertFalse(self.right.agent.work_once(), "it is another's")
        self.left.work.expire("gone:1:1")
        self.assertTrue(self.right.agent.work_once())
        self.assertEqual("available", self.right.api(CONTEXT).volumes.get(asked.id).status)


def _where(volume: Volume) -> tuple[str, str | None, str | None]:
    return volume.status.value, volume.host, volume.cluster_name
