"""The Python client: embedded and distributed, from several threads, as an administrator and as a project."""

from __future__ import annotations

import threading
from pathlib import Path

from tests import TestCase
from volsched import conf
from volsched.client import Client
from volsched.db.database import Database
from volsched.exceptions import (
    ConfigurationError,
    DatabaseUnavailable,
    InvalidRequest,
    NotAuthorized,
    VolumeNotFound,
)
from volsched.model.volume import VolumeStatus
from volsched.service.application import open_application

SETTINGS = """
[paths]
state_path = {folder}
[scheduler]
poll_interval = 0.05
[agent]
host = node1
backends = disk1
[backend_disk1]
driver = directory
path = {folder}/disk1
pools = a, b
pool_size_gb = a:20, b:10
unit_bytes = 4096
"""
THREADS = 4


def configured(folder: Path) -> Path:
    """A configuration file in a folder, and its database."""
    file = folder / "volsched.conf"
    file.write_text(SETTINGS.format(folder=folder))
    database = Database(f"sqlite:///{folder}/volsched.db")
    database.upgrade()
    database.close()
    return file


class TestEmbedded(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = configured(self.folder())
        self.client = self.enterContext(Client(self.file))

    def test_the_life_of_a_volume(self) -> None:
        volumes = self.client.volumes
        asked = volumes.create(2, name="data", metadata={"for": "me"})
        self.assertIs(VolumeStatus.CREATING, asked.status)
        made = volumes.wait(asked)
        assert made is not None
        self.assertEqual((VolumeStatus.AVAILABLE, "node1@disk1#a"), (made.status, made.host))
        self.assertEqual(made, volumes.get("data"))
        grown = volumes.wait(volumes.extend(made, 5))
        assert grown is not None
        self.assertEqual(5, grown.size_gb)
        moved = volumes.wait(volumes.migrate("data", "node1@disk1#b"))
        assert moved is not None
        self.assertEqual("node1@disk1#b", moved.host)
        snapshot = self.client.snapshots.wait(self.client.snapshots.create(moved, name="before"))
        assert snapshot is not None
        self.assertEqual([snapshot], self.client.snapshots.list(volume=moved))
        copy = volumes.wait(volumes.create(snapshot=snapshot.id))
        assert copy is not None
        self.assertEqual((5, "node1@disk1#b"), (copy.size_gb, copy.host))
        usage = {each.resource: each.used for each in self.client.quotas.usage()}
        self.assertEqual({"volumes": 2, "gigabytes": 10}, usage)
        self.assertIsNone(self.client.snapshots.wait(self.client.snapshots.delete(snapshot)))
        for each in (moved, copy):
            self.assertIsNone(volumes.wait(volumes.delete(each)))
        self.assertEqual([], volumes.list())

    def test_what_is_refused_says_why(self) -> None:
        volumes = self.client.volumes
        refused = volumes.wait(volumes.create(1000))
        assert refused is not None
        self.assertIs(VolumeStatus.ERROR, refused.status)
        self.assertEqual(["VS-NO-POOL"], [message.code for message in volumes.messages(refused)])
        self.assertEqual("refused", volumes.explain(refused)["outcome"])
        self.assertFalse(volumes.dry_run(1000))
        self.assertEqual("node1@disk1#a", volumes.dry_run(3).ranked[0].pool_id)
        with self.assertRaises(InvalidRequest):
            volumes.create(0)
        with self.assertRaises(VolumeNotFound):
            volumes.get("nobody")

    def test_a_project_has_its_own_only(self) -> None:
        ours = self.client.acting_as("p1")
        mine = ours.volumes.wait(ours.volumes.create(1, name="mine"))
        assert mine is not None
        self.assertEqual((VolumeStatus.AVAILABLE, None, None), (mine.status, mine.host, mine.provider_location))
        self.assertEqual([mine], ours.volumes.list())
        for theirs in (self.client.acting_as("p2"), self.client.acting_as("p2", roles=("reader",))):
            self.assertEqual([], theirs.volumes.list())
            for asked in (
                theirs.volumes.get,
                theirs.volumes.messages,
                theirs.volumes.explain,
                theirs.volumes.delete,
                theirs.snapshots.create,
            ):
                with self.subTest(asked.__qualname__), self.assertRaises(VolumeNotFound):
                    asked(mine.id)
            with self.assertRaises(NotAuthorized):
                theirs.volumes.list(all_projects=True)
            with self.assertRaises(NotAuthorized):
                theirs.quotas.usage(project_id="p1")
        with self.assertRaises(NotAuthorized):
            ours.volumes.migrate(mine, "node1@disk1#b")
        operator = self.client.acting_as("p2", roles=("admin",))
        self.assertEqual("node1@disk1#a", operator.volumes.get(mine.id).host)
        self.assertEqual([mine.id], [volume.id for volume in operator.volumes.list(all_projects=True)])

    def test_groups(self) -> None:
        self.client.types.create("plain")
        ours = self.client.acting_as("p1")
        group = ours.groups.wait(ours.groups.create(["plain"], name="set"))
        assert group is not None
        self.assertEqual(("available", None), (group.status, group.host))
        self.assertEqual([group], ours.groups.list())
        self.assertEqual("node1@disk1#a", self.client.groups.get(group.id).host)
        ours.groups.delete("set")
        self.assertEqual([], ours.groups.list())

    def test_threads_share_it(self) -> None:
        made: list[object] = []

        def ask(number: int) -> None:
            client = self.client.acting_as(f"p{number}")
            try:
                for _ in range(2):
                    volume = client.volumes.wait(client.volumes.create(1))
                    made.append(volume.status if volume is not None else None)
            except Exception as problem:  # noqa: BLE001 - told by the assertion below
                made.append(problem)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([VolumeStatus.AVAILABLE] * THREADS * 2, made)
        self.assertEqual(THREADS * 2, len(self.client.volumes.list(all_projects=True)))


class TestDistributed(TestCase):
    def test_a_request_is_written_down_and_others_do_the_work(self) -> None:
        folder = self.folder()
        file = configured(folder)
        with Client(file, transport_url="fake://") as client:
            asked = client.volumes.create(1)
            with self.assertRaises(TimeoutError):
                client.volumes.wait(asked, timeout=0.1)
            self.assertIs(VolumeStatus.CREATING, client.volumes.get(asked).status)
            with open_application(conf.load([str(file)], use_env=False)) as elsewhere:
                elsewhere.report()
                elsewhere.api({"is_admin": True}).volumes.wait(asked.id)
            made = client.volumes.wait(asked)
            assert made is not None
            self.assertIs(VolumeStatus.AVAILABLE, made.status)

    def test_a_connection_will_do(self) -> None:
        folder = self.folder()
        configured(folder)
        empty = folder / "empty.conf"
        empty.write_text("")
        with Client(empty, connection=f"sqlite:///{folder}/volsched.db", transport_url="fake://") as client:
            client.volumes.create(1)
            self.assertEqual(1, len(client.volumes.list()))

    def test_what_is_wrong_is_said_at_once(self) -> None:
        folder = self.folder()
        file = configured(folder)
        with self.assertRaises(DatabaseUnavailable):
            Client(file, connection=f"sqlite:///{folder}/none.db")
        (folder / "policy.yaml").write_text('"volume:creat": "role:x"')
        with self.assertRaisesRegex(ConfigurationError, r"policy\.yaml.*did you mean volume:create\?"):
            Client(file)
