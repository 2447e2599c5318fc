from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from tests import TestCase
from tests.functional.program import Ran, WarmProgram

CONFIGURATION = """
[paths]
state_path = {folder}

[agent]
host = node
backends = fast, slow

[backend_fast]
driver = directory
availability_zone = east
path = {folder}/fast
pools = ssd
thick_pools = ssd
pool_size_gb = ssd:10
extra_capabilities = media:ssd
unit_bytes = 4096

[backend_slow]
driver = directory
availability_zone = west
path = {folder}/slow
pools = one, two
pool_size_gb = one:20, two:10
extra_capabilities = media:hdd
max_over_subscription_ratio = 1.0
unit_bytes = 4096
"""


class InAWorld(TestCase):
    """Commands in a folder with two backends and three pools, shared by the tests of a class."""

    folder_: ClassVar[Path]
    program: ClassVar[WarmProgram]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder_ = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="volsched-test-"))).resolve()
        file = cls.folder_ / "volsched.conf"
        file.write_text(CONFIGURATION.format(folder=cls.folder_))
        cls.program = WarmProgram(cls.folder_, file)
        made = cls.program.run("db", "upgrade")
        if made.status:
            raise AssertionError(f"db upgrade: {made.errors}")

    def done(self, *arguments: str) -> Ran:
        """Run a command that must end with status 0 and write nothing to stderr."""
        ran = self.program.run(*arguments)
        self.assertEqual((0, ""), (ran.status, ran.errors), f"{arguments}: {ran.output}")
        return ran

    def asked(self, *arguments: str) -> Any:
        return self.done(*arguments, "-f", "json").json()


class TestInit(TestCase):
    def test_init_prepares_for_a_first_volume(self) -> None:
        folder = self.folder()
        program = WarmProgram(folder)
        made = program.run("init", "here", "--pool-size", "5")
        self.assertEqual((0, ""), (made.status, made.errors))
        file = folder / "here" / "volsched.conf"
        self.assertIn(f"volsched --config-file {file} volume create --size 1 --name first", made.output)

        inside = WarmProgram(folder, file)
        created = inside.run("volume", "create", "--size", "1", "--name", "first", "-f", "json")
        self.assertEqual((0, ""), (created.status, created.errors))
        volume = created.json()
        self.assertEqual("available", volume["Status"])
        self.assertEqual(1 << 30, Path(volume["Location"]).stat().st_size)
        pools = inside.run("pool", "list", "-f", "json").json()
        self.assertEqual([5.0], [pool["Total GiB"] for pool in pools])

    def test_the_configuration_file_option_selects_the_file(self) -> None:
        folder = self.folder()
        file = folder / "own.conf"
        program = WarmProgram(folder, file)
        self.assertEqual(0, program.run("init", str(folder / "state")).status)
        self.assertIn(f"state_path = {folder}/state", file.read_text())

    def test_an_existing_configuration_is_overwritten_only_with_force(self) -> None:
        folder = self.folder()
        program = WarmProgram(folder)
        (folder / "volsched.conf").write_text("mine\n")
        refused = program.run("init", ".")
        self.assertEqual(2, refused.status)
        self.assertIn(f"{folder}/volsched.conf exists already; --force overwrites it", refused.errors)
        self.assertEqual(["volsched.conf"], [path.name for path in folder.iterdir()])
        self.assertEqual("mine\n", (folder / "volsched.conf").read_text())
        self.assertEqual(0, program.run("init", ".", "--force").status)
        self.assertIn("driver = directory", (folder / "volsched.conf").read_text())

    def test_an_invalid_pool_size_leaves_no_configuration(self) -> None:
        folder = self.folder()
        for size in ("much", "-1"):
            with self.subTest(size):
                refused = WarmProgram(folder).run("init", "here", f"--pool-size={size}")
                self.assertEqual(2, refused.status, refused.errors)
                self.assertIn("pool_size_gb", refused.errors)
                self.assertFalse((folder / "here" / "volsched.conf").exists())


class TestTypes(InAWorld):
    def test_a_type_is_created_shown_and_deleted(self) -> None:
        made = self.asked(
            "type", "create", "gold", "--extra-spec", "media=ssd", "--extra-spec", "total_volumes=< 5",
            "--description", "the best",
        )  # fmt: skip
        self.assertEqual({"media": "ssd", "total_volumes": "< 5"}, made["Extra specs"])
        self.assertTrue(made["Public"])
        self.assertEqual(made, self.asked("type", "show", "gold"))
        self.assertEqual(made, self.asked("type", "show", made["ID"]))
        self.assertEqual([made], self.asked("type", "list"))
        again = self.program.run("type", "create", "gold")
        self.assertEqual(2, again.status)
        self.assertIn("name: there is a volume type 'gold' already", again.errors)
        self.done("type", "delete", "gold")
        self.assertEqual([], self.asked("type", "list"))


class TestVolumes(InAWorld):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.program.run("type", "create", "gold", "--extra-spec", "media=ssd")

    def test_a_volume_is_created_extended_and_deleted(self) -> None:
        made = self.asked(
            "volume", "create", "--size", "2", "--type", "gold", "--zone", "east", "--name", "life",
            "--metadata", "owner=me",
        )  # fmt: skip
        file = Path(made["Location"])
        self.assertEqual(("available", 2, "gold", "node@fast#ssd"), _values(made, "Status", "Size GiB", "Type", "Pool"))
        self.assertEqual(("east", {"owner": "me"}), _values(made, "Zone", "Metadata"))
        self.assertEqual(2 * 4096, file.stat().st_size)
        self.assertEqual(made, self.asked("volume", "show", "life"))

        grown = self.asked("volume", "extend", "life", "--size", "5")
        self.assertEqual(("available", 5), _values(grown, "Status", "Size GiB"))
        self.assertEqual(5 * 4096, file.stat().st_size)

        refused = self.program.run("volume", "extend", "life", "--size", "50")
        self.assertEqual(1, refused.status)
        self.assertIn("45 GiB asked, 5.00 GiB left", refused.errors)
        self.assertEqual(("available", 5), _values(self.asked("volume", "show", "life"), "Status", "Size GiB"))
        self.assertEqual(["VS-NO-POOL"], [one["Code"] for one in self.asked("volume", "messages", "life")])

        self.done("volume", "delete", "life")
        self.assertFalse(file.exists())
        self.assertEqual(2, self.program.run("volume", "show", "life").status)
        explained = self.asked("volume", "explain", made["ID"])  # also when it is gone
        self.assertEqual(made["ID"], explained["volume_id"])

    def test_explain_shows_each_pool_with_results_scores_and_order(self) -> None:
        made = self.asked("volume", "create", "--size", "3", "--zone", "west", "--name", "why")
        text = self.done("volume", "explain", "why").output
        document = self.asked("volume", "explain", "why")
        self.assertTrue(text.startswith("Decision: 3 GiB on node@slow#one\n"), text)
        for words in ("availability_zone", "capacity", "capabilities", "1st, chosen", "2nd", "Rejected"):
            self.assertIn(words, text)
        self.assertEqual("node@slow#one", document["chosen"])
        self.assertEqual(["node@slow#one", "node@slow#two"], [one["pool"] for one in document["ranked"]])
        self.assertEqual(["node@fast#ssd"], [one["pool"] for one in document["filters"][0]["rejected"]])
        self.assertEqual({"raw": 20.0, "share": 1.0}, document["weighers"][0]["weights"]["node@slow#one"])
        self.done("volume", "delete", made["ID"])

    def test_a_volume_without_a_fitting_pool_is_in_error_with_the_reason(self) -> None:
        refused = self.program.run("volume", "create", "--size", "15", "--type", "gold", "--name", "big", "-f", "json")
        self.assertEqual(1, refused.status)
        self.assertIn("15 GiB asked, 10.00 GiB left", refused.errors)
        volume = refused.json()
        self.assertEqual(("error", None), _values(volume, "Status", "Pool"))
        self.assertIn("15 GiB asked, 10.00 GiB left", volume["Reason"])
        self.assertEqual(f"volsched volume explain {volume['ID']}", volume["Fix"])
        text = self.done(*volume["Fix"].split()[1:]).output
        self.assertIn("Decision: no pool for 15 GiB", text)
        self.assertIn("capacity rejected 2 of 3", text)
        self.done("volume", "delete", "big")

    def test_place_stores_nothing(self) -> None:
        before = self.asked("volume", "list"), self.asked("pool", "list")
        text = self.done("place", "--dry-run", "--size", "4", "--zone", "west").output
        self.assertIn("Decision: 4 GiB would go to node@slow#one", text)
        nowhere = self.program.run("place", "--dry-run", "--size", "400", "-f", "json")
        self.assertEqual((1, 0), (nowhere.status, nowhere.json()["ranked_count"]))
        undecided = self.program.run("place", "--size", "4")
        self.assertEqual(2, undecided.status)
        self.assertIn("volsched volume create", undecided.errors)
        self.assertEqual(before, (self.asked("volume", "list"), self.asked("pool", "list")))

    def test_a_later_command_carries_out_a_request_without_waiting(self) -> None:
        asked = self.asked("volume", "create", "--size", "1", "--name", "later", "--no-wait")
        self.assertEqual(("creating", None), _values(asked, "Status", "Location"))
        listed = self.program.run("volume", "list")
        self.assertIn(
            f"1 volume has unfinished work; to wait for it: volsched volume show {asked['ID']} --wait",
            listed.errors,
        )
        waited = self.program.run("volume", "show", "later", "--wait", "-f", "json")
        self.assertEqual((0, "available"), (waited.status, waited.json()["Status"]))
        self.done("volume", "delete", "later")

    def test_a_storage_failure_is_shown_and_the_volume_is_in_error(self) -> None:
        made = self.asked("volume", "create", "--size", "2", "--zone", "west", "--name", "lost")
        Path(made["Location"]).unlink()
        failed = self.program.run("volume", "extend", "lost", "--size", "4", "-f", "json")
        self.assertEqual((1, "error_extending"), (failed.status, failed.json()["Status"]))
        self.assertIn("storage reported a problem", failed.errors)
        for told in (failed.errors, self.asked("volume", "show", "lost")["Reason"]):
            self.assertIn(f"Reason from the storage: directory {self.folder_}/slow: ", told)
            self.assertIn(made["ID"], told.partition("Reason from the storage")[2])
        self.done("volume", "delete", "lost")

    def test_lists_have_several_formats(self) -> None:
        self.asked("volume", "create", "--size", "1", "--name", "listed")
        table = self.done("volume", "list").output
        self.assertIn("| Size GiB |", table)
        chosen = self.done(
            "volume", "list", "-f", "csv", "-c", "name", "-c", "Size GiB", "--sort-column", "Name"
        ).output
        rows = list(csv.DictReader(io.StringIO(chosen)))
        self.assertIn({"Name": "listed", "Size GiB": "1"}, rows)
        self.assertIn("Name: listed", self.done("volume", "show", "listed", "-f", "yaml").output)
        self.assertEqual("listed\n", self.done("volume", "show", "listed", "-f", "value", "-c", "Name").output)
        self.assertEqual([], self.asked("volume", "list", "--status", "error"))
        nothing = self.program.run("volume", "list", "--status", "error")
        self.assertEqual((0, "", "no volume is in status error\n"), (nothing.status, nothing.output, nothing.errors))
        self.done("volume", "delete", "listed")


class TestManage(InAWorld):
    def test_a_managed_file_becomes_a_volume(self) -> None:
        pool = self.folder_ / "slow" / "one"
        self.done("backend", "list")  # makes the folders
        (pool / "old.img").write_bytes(b"x" * 5000)
        managed = self.asked("volume", "manage", "node@slow#one", "old.img", "--name", "old")
        self.assertEqual(("available", 2, "node@slow#one"), _values(managed, "Status", "Size GiB", "Pool"))
        self.assertEqual((b"x" * 5000).ljust(2 * 4096, b"\0"), Path(managed["Location"]).read_bytes())
        self.assertFalse((pool / "old.img").exists())

    def test_files_that_cannot_be_managed_are_refused_and_leave_nothing(self) -> None:
        pool = self.folder_ / "slow" / "two"
        self.done("backend", "list")
        (self.folder_ / "outside").write_bytes(b"x")
        (pool / "folder").mkdir()
        (pool / "link").symlink_to(self.folder_ / "outside")
        (pool / "mine").write_bytes(b"y")
        managed = self.asked("volume", "manage", "node@slow#two", "mine")
        before = self.asked("volume", "list")
        cases = {
            "../../outside": "leads out of the pool",
            str(self.folder_ / "outside"): "leads out of the pool",
            "missing": "no file 'missing' in the pool two",
            "folder": "is a folder",
            "link": "is a symbolic link",
            Path(managed["Location"]).name: f"is managed already, as volume {managed['ID']}",
        }
        answers = self.program.run_all([("volume", "manage", "node@slow#two", source) for source in cases])
        for (source, words), ran in zip(cases.items(), answers, strict=True):
            with self.subTest(source):
                self.assertEqual((2, ""), (ran.status, ran.output), ran.errors)
                self.assertIn(words, ran.errors)
        self.assertEqual(before, self.asked("volume", "list"))


class TestBackends(InAWorld):
    def test_backends_and_pools_are_listed_and_shown(self) -> None:
        backends = self.asked("backend", "list")
        self.assertEqual(
            [("node@fast", "east", "up", True, 1, 0), ("node@slow", "west", "up", True, 2, 0)],
            [_values(one, "Backend", "Zone", "State", "Enabled", "Pools", "Problems") for one in backends],
        )
        self.assertEqual(["one", "two"], self.asked("backend", "show", "node@slow")["Pools"])
        pools = self.asked("pool", "list")
        self.assertEqual(
            [
                ("node@fast#ssd", "east", "thick", 10.0, 10.0),
                ("node@slow#one", "west", "thin", 20.0, 20.0),
                ("node@slow#two", "west", "thin", 10.0, 10.0),
            ],
            [_values(one, "Pool", "Zone", "Kind", "Total GiB", "Room GiB") for one in pools],
        )
        shown = self.asked("pool", "show", "node@fast#ssd")
        self.assertEqual("ssd", shown["Capabilities"]["media"])
        self.assertIn("node@slow#two", self.done("pool", "list").output)

    def test_a_disabled_backend_gets_no_volumes_until_it_is_enabled(self) -> None:
        self.done("backend", "list")
        disabled = self.asked("backend", "disable", "node@fast", "--reason", "moving house")
        self.assertEqual((False, "moving house"), _values(disabled, "Enabled", "Disabled because"))
        refused = self.program.run("volume", "create", "--size", "1", "--zone", "east", "--name", "no")
        self.assertEqual(1, refused.status)
        self.assertIn("volsched volume explain", refused.errors)
        enabled = self.asked("backend", "enable", "node@fast")
        self.assertEqual((True, None), _values(enabled, "Enabled", "Disabled because"))
        made = self.asked("volume", "create", "--size", "1", "--zone", "east")
        self.assertEqual("available", made["Status"])
        self.done("volume", "delete", made["ID"], "no")


class TestBadInput(InAWorld):
    def test_invalid_arguments_are_named_and_change_nothing(self) -> None:
        self.done("type", "create", "used", "-f", "json")
        self.done("volume", "create", "--size", "1", "--type", "used", "--name", "kept", "-f", "json")
        before = self.asked("volume", "list"), self.asked("type", "list"), self.asked("pool", "list")
        create = ("volume", "create", "--size")
        cases = {
            (*create, "0"): "got '0'",
            (*create, "-1"): "got '-1'",
            (*create, "text"): "got 'text'",
            (*create, "1.5"): "got '1.5'",
            (*create, "99999999999"): "got '99999999999'",
            (*create, "9" * 5000): "got '9999",
            ("place", "--dry-run", "--size", "1.5"): "got '1.5'",
            (*create, "1", "--type", "nosuch"): "no volume type 'nosuch'",
            (*create, "1", "--zone", "mars"): "no zone 'mars'; there are east, west",
            (*create, "1", "--hint", "same_host"): "hint: expected KEY=VALUE, got 'same_host'",
            (*create, "1", "--metadata", "=x"): "metadata: expected KEY=VALUE, got '=x'",
            (*create, "1", "-c", "bogus"): "--column: no column 'bogus'",
            ("volume", "show", "nosuch"): "no volume 'nosuch'",
            ("volume", "explain", "nosuch"): "no volume 'nosuch'",
            ("volume", "delete", "kept", "nosuch"): "no volume 'nosuch'",
            ("volume", "extend", "nosuch", "--size", "5"): "no volume 'nosuch'",
            ("volume", "extend", "kept", "--size", "1"): "new_size: expected more than the 1 GiB",
            ("volume", "extend", "kept", "--size", "2.5"): "got '2.5'",
            ("volume", "manage", "node@nosuch#pool", "file"): "no backend 'node@nosuch'",
            ("volume", "manage", "node@slow#nosuch", "file"): "no pool 'node@slow#nosuch'",
            ("volume", "manage", "nowhere", "file"): "host: expected host@backend or host@backend#pool, got 'nowhere'",
            ("backend", "show", "nosuch"): "no backend 'nosuch'",
            ("backend", "disable", "nosuch"): "no backend 'nosuch'",
            ("pool", "show", "nosuch"): "no pool 'nosuch'",
            ("type", "show", "nosuch"): "no volume type 'nosuch'",
            ("type", "delete", "nosuch"): "no volume type 'nosuch'",
            ("type", "delete", "used"): "'used' is in use by 1 volume",
            ("type", "create", "other", "--extra-spec", "bare"): "extra_spec: expected KEY=VALUE, got 'bare'",
        }
        for (arguments, words), ran in zip(cases.items(), self.program.run_all(list(cases)), strict=True):
            with self.subTest(" ".join(arguments)[:60]):
                self.assertEqual((2, ""), (ran.status, ran.output), ran.errors)
                self.assertIn(words, ran.errors)
                self.assertEqual(1, ran.errors.count("\n"), ran.errors)
        self.assertEqual(before, (self.asked("volume", "list"), self.asked("type", "list"), self.asked("pool", "list")))

    def test_a_missing_database_or_configuration_is_an_error_with_a_fix(self) -> None:
        folder = self.folder()
        missing = WarmProgram(folder, folder / "no.conf").run("volume", "list")
        self.assertEqual(2, missing.status)
        self.assertIn("expected a file, got none", missing.errors)
        file = folder / "new.conf"
        file.write_text(CONFIGURATION.format(folder=folder))
        empty = WarmProgram(folder, file).run("volume", "list")
        self.assertEqual(1, empty.status)
        self.assertIn("volsched db upgrade", empty.errors)


def _values(shown: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(shown[name] for name in names)
