"""The plan of a developer's installation, and errors where it cannot be set up."""

from __future__ import annotations

import os
import stat
import unittest.mock
from dataclasses import replace

import tests
from volsched.exceptions import InvalidRequest
from volsched.ops.devcluster import mariadb
from volsched.ops.devcluster.cluster import Cluster, locked
from volsched.ops.devcluster.configuration import write
from volsched.ops.devcluster.plan import Plan, read
from volsched.ops.devcluster.server import free_ports


class TestPlan(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.plan = Plan(folder=self.place, schedulers=1, agents=1).with_ports()

    def test_plan_is_read_as_it_was_saved(self) -> None:
        self.assertIsNone(read(self.place))
        plan = replace(self.plan, made=("postgresql",), running={"epmd": "here:7:9"})
        plan.save()
        self.assertEqual(plan, read(self.place))
        self.assertEqual(0o600, stat.S_IMODE(plan.file.stat().st_mode))
        self.assertNotIn(plan.password, repr(plan))

    def test_malformed_plan_is_refused(self) -> None:
        for text in ("", "{", "[]", "{}", '{"ports": {}, "made": [], "colour": "red"}'):
            with self.subTest(text=text), self.assertRaises(InvalidRequest):
                self.plan.file.write_text(text)
                read(self.place)

    def test_ports_are_kept_and_distinct(self) -> None:
        ports = [port for taken in self.plan.ports.values() for port in taken]
        self.assertEqual(4, len(set(ports)))
        self.assertEqual(self.plan.ports, self.plan.with_ports().ports)
        other = free_ports(3)
        self.assertFalse(set(other) & set(free_ports(3, other)))

    def test_missing_server_is_named_with_the_command_that_installs_it(self) -> None:
        plan = replace(self.plan, database="mariadb")
        with (
            unittest.mock.patch.object(mariadb, "PROGRAMS", ("no-such-server",)),
            self.assertRaises(InvalidRequest) as raised,
        ):
            Cluster(plan, lambda _: None).up()
        for words in (
            "MariaDB is not installed",
            "no-such-server",
            "apt-get install mariadb-server",
            "install-servers",
        ):
            self.assertIn(words, str(raised.exception))

    def test_folder_with_other_files_is_refused(self) -> None:
        (self.place / "thesis.txt").touch()
        with self.assertRaisesRegex(InvalidRequest, "contains other files"), locked(self.place):
            pass

    def test_folder_is_accessible_to_servers_of_other_users_whatever_the_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        place = self.place / "above" / "dev"
        with locked(place):
            modes = {each.stat().st_mode & 0o777 for each in (place, place.parent)}
        self.assertEqual({0o711 if os.geteuid() == 0 else 0o700}, modes)

    def test_unused_folder_is_removed_again(self) -> None:
        with self.assertRaises(ZeroDivisionError), locked(self.place / "new"):
            raise ZeroDivisionError
        self.assertFalse((self.place / "new").exists())

    def test_each_agent_has_a_configuration_file(self) -> None:
        write(self.plan)
        texts = {file.name: file.read_text() for file in self.place.glob("*.conf")}
        self.assertEqual({"volsched.conf", "agent-1.conf"}, set(texts))
        self.assertIn("host = dev1", texts["agent-1.conf"])
        self.assertIn(f"127.0.0.1:{self.plan.ports['rabbitmq'][0]}", texts["volsched.conf"])
