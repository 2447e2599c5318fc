"""Packages of strangers, installed as an operator installs them: the good ones work, the bad ones are named."""

from __future__ import annotations

import json
import tempfile
import textwrap
from pathlib import Path
from typing import Any, ClassVar

from tests import TestCase
from tests.environments import Ended, Environment
from tests.meta.sources import TOP
from tests.posted import Receiver

PACKAGES = TOP / "tests" / "thirdparty"

CONFIGURATION = """
    [paths]
    state_path = {folder}

    [scheduler]
    driver = {driver}
    filters = availability_zone, capacity, {filters}
    weighers = {weighers}

    [notifications]
    notifiers = {notifiers}

    [agent]
    host = node1
    backends = old, new

    [backend_old]
    driver = directory
    path = {folder}/old
    pools = flash
    pool_size_gb = flash:50
    unit_bytes = 4096
    extra_capabilities = "worn_percent:97"

    [backend_new]
    driver = directory
    path = {folder}/new
    pools = flash
    pool_size_gb = flash:20
    unit_bytes = 4096
    extra_capabilities = "worn_percent:3"
"""


class TestThirdParty(TestCase):
    environment: ClassVar[Environment]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="volsched-test-")))
        cls.environment = Environment(folder)
        cls.environment.install_copies(*sorted(path for path in PACKAGES.iterdir() if path.is_dir()))

    def site(
        self,
        *,
        filters: str = "wear",
        weighers: str = "capacity",
        driver: str = "filter",
        notifiers: str = "log",
        more: str = "",
        folder: Path | None = None,
    ) -> tuple[str, ...]:
        """The words that name a configuration which selects these plugins."""
        folder = folder or self.folder()
        file = folder / "volsched.conf"
        text = CONFIGURATION.format(
            folder=folder, filters=filters, weighers=weighers, notifiers=notifiers, driver=driver
        )
        file.write_text(textwrap.dedent(text) + textwrap.dedent(more))
        return ("--config-file", str(file))

    def done(self, *words: str) -> Ended:
        ended = self.environment.volsched(*words)
        self.assertEqual(0, ended.status, ended.said)
        return ended

    def checked(self, site: tuple[str, ...]) -> tuple[int, dict[str, dict[str, Any]]]:
        """What `config check` says: exit status, and the fatal findings by what they are about."""
        ended = self.environment.volsched(*site, "config", "check", "-f", "json")
        found = [it for it in json.loads(ended.output) if it["Code"] != "VS116"]
        return ended.status, {f"{it['Code']} {it['Where'].partition(' (')[0]}": it for it in found}

    def test_the_vendor_filter_and_the_notifier_work(self) -> None:
        receiver = Receiver(self)
        site = self.site(
            notifiers="oncall",
            more=f"""
                [filter_wear]
                limit_percent = 80

                [notifier_oncall]
                driver = pager
                gateway = {receiver.url}
                priorities = info, error
                key = 5up3r-secret
            """,
        )
        self.done(*site, "db", "upgrade")
        self.done(*site, "volume", "create", "--size", "4", "--name", "one")
        shown = json.loads(self.done(*site, "volume", "show", "one", "-f", "json").output)
        self.assertEqual("available", {key.lower(): value for key, value in shown.items()}["status"])
        explained = self.done(*site, "volume", "explain", "one").output
        self.assertRegex(explained, r"node1@old#flash +wear +worn to 97 %, 80 % allowed")
        types = [posted["event"]["event_type"] for posted in receiver.bodies]
        self.assertIn("volume.create.end", types)
        self.assertEqual({"5up3r-secret"}, {posted["key"] for posted in receiver.bodies})

        refused = self.environment.volsched(*site, "volume", "create", "--size", "450", "--name", "two")
        self.assertEqual(1, refused.status)
        errors = [it["event"] for it in receiver.bodies if it["event"]["priority"] == "error"]
        self.assertEqual(["scheduler.create_volume"], [event["event_type"] for event in errors])
        self.assertIn("wear rejected 1", errors[0]["payload"]["reason"])

    def test_the_vendors_own_tests_pass(self) -> None:
        ended = self.environment.python("-m", "unittest", "laws", folder=PACKAGES / "wear")
        self.assertEqual(0, ended.status, ended.said)

    def test_the_vendors_objection_is_passed_on(self) -> None:
        status, found = self.checked(self.site(more="[filter_wear]\nlimit_percent = 40\n"))
        self.assertEqual(2, status)
        said = found["VS119 [filter_wear]"]["Problem"]
        self.assertIn(
            "filter wear of acme-wear 2.3.1 reports: high_endurance_percent 50 is above limit_percent 40", said
        )

    def test_everything_that_is_wrong_is_named_at_once(self) -> None:
        status, found = self.checked(
            self.site(filters="spread, quitter, tomorrow", weighers="lost, elsewhere", notifiers="pager")
        )
        self.assertEqual(2, status)
        expected = {
            "VS104 [scheduler] filters": (
                "twin-east 1.0.0 and by twin-west 3.0.0",
                "twin-east:spread or twin-west:spread",
            ),
            "VS103 filter quitter of quitter 1.1.0": ("SystemExit('no licence found')", "update quitter"),
            "VS106 filter tomorrow of tomorrow 5.0.0": ("written for contract 9.0", "upgrade volsched"),
            "VS103 weigher lost of lost-module 0.9.0": (
                "No module named 'acme_telemetry'",
                "pip install 'acme-telemetry>=4'",
            ),
            "VS105 weigher elsewhere of elsewhere 7.2.0": (
                "was made for volsched>=99",
                "install a release of elsewhere",
            ),
            "VS107 [notifier_pager] gateway": ("notifier pager of night-pager 1.4.0 needs the option", "gateway = ..."),
            "VS107 [notifier_pager] key": ("notifier pager of night-pager 1.4.0 needs the option", "key = ..."),
        }
        self.assertEqual(set(expected), set(found))
        for about, (what, fix) in expected.items():
            with self.subTest(about=about):
                self.assertIn(what, found[about]["Problem"])
                self.assertIn(fix, found[about]["Fix"])

    def test_nothing_starts_with_a_broken_plugin_and_nothing_is_dropped(self) -> None:
        folder = self.folder()
        self.done(*self.site(folder=folder), "db", "upgrade")
        broken = self.site(filters="wear, quitter, spread", weighers="lost", folder=folder)
        for words in (("volume", "create", "--size", "1"), ("place", "--dry-run", "--size", "1")):
            ended = self.environment.volsched(*broken, *words)
            self.assertEqual(2, ended.status, ended.said)
            for named in ("3 problems", "quitter 1.1.0", "twin-west 3.0.0", "lost-module 0.9.0"):
                self.assertIn(named, ended.errors)
        ended = self.environment.run([str(self.environment.python_path), "-c", SERVICE, *broken])
        self.assertEqual(2, ended.status, ended.said)
        self.assertIn("quitter 1.1.0", ended.said)

    def test_what_breaks_in_a_request_is_named_with_its_package(self) -> None:
        for more, named in (
            ({"filters": "brittle"}, "plugin brittle of brittle 0.3.0: KeyError: 'shelf'"),
            ({"driver": "brittle"}, "plugin brittle of brittle 0.3.0: ZeroDivisionError"),
        ):
            with self.subTest(named):
                site = self.site(**more)
                self.done(*site, "db", "upgrade")
                log = Path(site[1]).with_name("volsched.log")
                words = ("volume", "create", "--size", "1", "--name", "one")
                refused = self.environment.volsched(*site, "--log-file", str(log), *words)
                self.assertEqual(1, refused.status, refused.said)
                self.assertIn(named, log.read_text())
                shown = json.loads(self.done(*site, "volume", "show", "one", "-f", "json").output)
                self.assertEqual("error", {key.lower(): value for key, value in shown.items()}["status"])
                if "filters" in more:
                    self.assertIn(named, self.environment.volsched(*site, "volume", "explain", "one").said)
                self.assertIn("the operator has been notified", self.done(*site, "volume", "messages", "one").output)

    def test_a_driver_of_the_interface_alone_serves_every_operation(self) -> None:
        folder = self.folder()
        site = self.site(driver="direct", folder=folder)
        self.done(*site, "db", "upgrade")
        self.done(*site, "type", "create", "gold")
        planned = json.loads(self.done(*site, "place", "--dry-run", "--size", "4", "-f", "json").output)
        self.assertEqual({"node1@old#flash", "node1@new#flash"}, {row["pool"] for row in planned["ranked"]})
        self.done(*site, "volume", "create", "--size", "4", "--name", "one")
        self.done(*site, "volume", "extend", "one", "--size", "6")
        self.done(*site, "volume", "migrate", "one", "node1@new")
        self.done(*site, "volume", "retype", "one", "--type", "gold")
        self.done(*site, "snapshot", "create", "one", "--name", "kept")
        self.done(*site, "group", "create", "both", "--type", "gold")
        (folder / "old" / "flash" / "found.img").write_bytes(bytes(4096))
        self.done(*site, "volume", "manage", "node1@old#flash", "found.img", "--name", "two")
        for name, size, where in (("one", 6, "node1@new#flash"), ("two", 1, "node1@old#flash")):
            shown = json.loads(self.done(*site, "volume", "show", name, "-f", "json").output)
            found = {key.lower(): value for key, value in shown.items()}
            self.assertEqual(("available", size), (found["status"], found["size gib"]), found)
            self.assertIn(where, found.values())
        refused = self.environment.volsched(*site, "volume", "extend", "one", "--size", "500")
        self.assertEqual(1, refused.status, refused.said)
        self.assertIn("turned away by room", self.done(*site, "volume", "messages", "one").output)

    def test_a_notifier_that_breaks_stops_no_request(self) -> None:
        site = self.site(notifiers="brittle")
        self.done(*site, "db", "upgrade")
        log = Path(site[1]).with_name("volsched.log")
        self.done(*site, "--log-file", str(log), "volume", "create", "--size", "1", "--name", "one")
        self.assertRegex(log.read_text(), "notifier brittle .*SystemExit: the network is somebody else's business")

    def test_the_full_name_settles_a_conflict(self) -> None:
        site = self.site(filters="wear, Twin_West:spread")
        status, found = self.checked(site)
        self.assertEqual((0, {}), (status, found))
        shown = self.done(*site, "plugin", "list", "--selected", "-f", "json")
        rows = {row["Package"]: row for row in json.loads(shown.output)}
        self.assertIn("twin-west", rows)
        self.assertIn("also published by twin-east 1.0.0", rows["twin-west"]["Note"])
        self.assertNotIn("twin-east", rows)


#: The scheduler's service, as its entry point starts it.
SERVICE = "import sys; from volsched.cli.services import scheduler_main; sys.exit(scheduler_main(sys.argv[1:]))"
