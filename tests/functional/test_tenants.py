"""Output for projects after every kind of refusal and failure: it contains no operator data."""

from __future__ import annotations

import io
import re
import unittest.mock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests import TestCase
from tests.pages import VARYING
from volsched import conf
from volsched.api.api import Api
from volsched.cli.main import Program
from volsched.client import Client
from volsched.db.database import Database
from volsched.exceptions import InvalidRequest, PluginError, PoolNotFound, StorageError, VolschedError
from volsched.model.volume import Volume
from volsched.placement.pipeline import Placing
from volsched.service.application import open_application
from volsched_drivers.backends.directory import DirectoryBackend

SETTINGS = """
[paths]
state_path = {folder}/state
[scheduler]
poll_interval = 0.05
filters = capacity, capabilities
max_attempts = 2
[agent]
host = storhost7
backends = vault9
[backend_vault9]
driver = directory
path = {folder}/vault9
pools = shelf3, shelf4
thick_pools = shelf3, shelf4
pool_size_gb = shelf3:37, shelf4:36
unit_bytes = 4096
"""
#: What only the operator may read. 30 to 37 GiB is the room that there is; nothing is asked in these numbers.
NAMES = ("storhost7", "vault9", "shelf3", "shelf4", "kaput-4711", "RuntimeError", "acme.py", "ssd-for-operators")
FIGURES = re.compile(r"(?<![\w.:-])3[0-7](\.\d+)?(?![\w:-])")
MOMENT = re.compile(r"datetime\.datetime\([^)]*\)")
PROJECT = "p1"


class TestTenants(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        file = self.place / "volsched.conf"
        file.write_text(SETTINGS.format(folder=self.place))
        self.file = file
        configuration = conf.load([str(file)], use_env=False)
        database = Database.configured(configuration)
        database.upgrade()
        database.close()
        with open_application(configuration) as application:
            application.types.create("plain", {})
            application.types.create("fast", {"media": "ssd-for-operators"})
        self.operator = self.enterContext(Client(file, project_id=PROJECT))
        self.tenant = self.operator.acting_as(PROJECT)
        self.said: list[str] = []
        self.asked: list[str] = []  # ids of volumes and groups, also of those that are gone
        self.enterContext(unittest.mock.patch("logging.Logger.callHandlers"))  # the log is the operator's

    # -- what happens --------------------------------------------------------------------------------------------

    def ask(self, what: Callable[[], Volume], *, of: Api | None = None) -> Volume | None:
        """Carry a request out to its end; what it raises is read by who asks."""
        client = of or self.tenant
        try:
            asked = what()
            self.asked.append(asked.id)
            return client.volumes.wait(asked)
        except VolschedError as refusal:
            self.assertFalse(of, refusal)
            self.said.append(str(refusal))
            return None

    @contextmanager
    def failing(self, *methods: str, problem: Exception | None = None) -> Iterator[None]:
        """The storage fails with an error that says more than a tenant may know."""
        words = f"kaput-4711: {self.place}/vault9/shelf3 on storhost7, 33.5 GiB left"
        with unittest.mock.patch.multiple(
            DirectoryBackend,
            **{name: unittest.mock.Mock(side_effect=problem or RuntimeError(words)) for name in methods},
        ):
            yield

    def test_nothing_of_the_operators_is_read(self) -> None:
        volumes = self.tenant.volumes
        made = self.ask(lambda: volumes.create(1, name="made", volume_type="plain"))
        assert made is not None
        self.assertEqual("available", made.status)
        self.refusals(made)
        self.failures(made)
        self.breakage(made)
        told = self.everything()
        for name in (*NAMES, str(self.place)):
            with self.subTest(name):
                self.assertNotIn(name, told)
        self.assertIsNone(FIGURES.search(told), FIGURES.findall(told))
        for known in ("500 GiB", "VS-NO-POOL", "VS-STORAGE", "VS-BAD-REQUEST", "VS-FAILED", "turned away by capacity"):
            self.assertIn(known, told, "the hunt itself must see what there is to see")

    def refusals(self, made: Volume) -> None:
        volumes = self.tenant.volumes
        self.ask(lambda: volumes.create(500))
        self.ask(lambda: volumes.create(2, volume_type="fast"))
        self.ask(lambda: volumes.extend(made, 500))
        self.ask(lambda: volumes.retype(made, "fast"))
        self.ask(lambda: volumes.migrate(made, "storhost7@vault9#shelf4".replace("7", "8")))
        self.ask(lambda: volumes.create(1, hints={"different_host": "no-uuid"}))
        with self.assertRaises(PoolNotFound):
            self.operator.volumes.migrate(made, "storhost7@vault9#shelf5")
        self.ask(
            lambda: self.operator.volumes.manage("storhost7@vault9#shelf3", {"source-name": "../../etc/passwd"}),
            of=self.operator,
        )
        group = self.tenant.groups.wait(self.tenant.groups.create(["plain", "fast"], name="both"))
        assert group is not None
        self.asked.append(group.id)
        self.operator.quotas.set(PROJECT, "gigabytes", 600)
        self.ask(lambda: volumes.create(700))
        self.operator.quotas.set(PROJECT, "gigabytes", None)

    def failures(self, made: Volume) -> None:
        volumes, snapshots = self.tenant.volumes, self.tenant.snapshots
        with self.failing("create_volume"):
            self.ask(lambda: volumes.create(2, name="unmade"))
        doomed = self.ask(lambda: volumes.create(2, name="doomed"))
        assert doomed is not None
        with self.failing("extend_volume", "snapshot", "offer"):
            self.ask(lambda: self.operator.volumes.migrate(made, self.other_pool(made)), of=self.operator)
            snapshots.wait(snapshots.create(made, name="lost"))
            self.ask(lambda: volumes.extend(made, 2))
        with self.failing("delete_volume", problem=StorageError("storhost7@vault9", f"{self.place}: kaput-4711")):
            self.ask(lambda: volumes.delete(doomed))
        with self.failing("manage_existing"):
            self.ask(
                lambda: self.operator.volumes.manage("storhost7@vault9#shelf3", {"source-name": "x"}), of=self.operator
            )
        with self.failing("create_volume", problem=InvalidRequest("size", f"kaput-4711 in {self.place}")):
            self.ask(lambda: volumes.create(2))

    def breakage(self, made: Volume) -> None:
        """Filters that break, and that raise errors of ours with words of their own."""
        words = f"kaput-4711 in {self.place}/acme.py for storhost7@vault9#shelf3"
        for problem in (
            PluginError("acme.py", words),
            InvalidRequest("extra_specs[media]", words),
            InvalidRequest("rack", words),
            StorageError("storhost7@vault9", words),
            RuntimeError(words),
        ):
            with unittest.mock.patch.multiple(
                Placing,
                place=unittest.mock.Mock(side_effect=problem),
                screen=unittest.mock.Mock(side_effect=problem),
            ):
                self.ask(lambda: self.tenant.volumes.create(1))

    def other_pool(self, made: Volume) -> str:
        host = self.operator.volumes.get(made).host
        return f"storhost7@vault9#shelf{'4' if str(host).endswith('3') else '3'}"

    # -- what is read --------------------------------------------------------------------------------------------

    def everything(self) -> str:
        """All that the project can read, without what is different each time."""
        tenant = self.tenant
        read: list[Any] = [*self.said, tenant.volumes.list(), tenant.snapshots.list(), tenant.groups.list()]
        read += [tenant.quotas.usage(), tenant.quotas.usage(volume_type="fast")]
        for each in self.asked:
            for look in (tenant.volumes.get, tenant.volumes.messages, tenant.volumes.explain):
                try:
                    read.append(look(each))
                except VolschedError as refusal:
                    read.append(str(refusal))
        read += [self.typed("volume", "list"), self.typed("snapshot", "list"), self.typed("group", "list")]
        read += [self.typed("type", "list"), self.typed("group", "show", "both"), self.typed("quota", "show")]
        for each in self.asked:
            read += [self.typed("volume", look, each) for look in ("show", "messages", "explain")]
        for command in (("pool", "list"), ("backend", "list"), ("event", "list"), ("audit",)):
            read.append(self.typed(*command))
        read.append(self.typed("volume", "manage", "storhost8@vault8#shelf8", "x"))
        read.append(self.typed("volume", "create", "--size", "500", "--name", "typed"))
        read.append(self.typed("volume", "extend", "made", "--size", "500"))
        text = "\n".join(map(str, read))
        for pattern, name in (*VARYING, (MOMENT, "TIME")):
            text = pattern.sub(name, text)
        return text

    def typed(self, *command: str) -> str:
        """What a command prints that is typed as a member of the project, on either stream."""
        said = io.StringIO()
        with (
            unittest.mock.patch("sys.stdout", said),
            unittest.mock.patch("sys.stderr", said),
            unittest.mock.patch.object(Program, "configure_logging"),
        ):
            form = () if command[-1] == "x" or command[0] == "audit" else ("-f", "json")
            Program().run(["--config-file", str(self.file), "--as-project", PROJECT, *command, *form])
        return said.getvalue()
