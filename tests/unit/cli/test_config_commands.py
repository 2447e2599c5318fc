"""Tests of `volsched config …`, `volsched plugin …` and `volsched db …`, as processes."""

from __future__ import annotations

import json

import tests
from tests.unit.loader.packages import Site, a_filter


class CommandsCase(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.folder())

    def rack(self, package: str = "acme-rack") -> None:
        module = package.replace("-", "_")
        entry_points = {"volsched.filters": {"rack": f"{module}:RackFilter"}}
        self.site.publish(package, "1.4", modules={module: a_filter()}, entry_points=entry_points)


class TestConfigSample(CommandsCase):
    def test_the_same_whatever_is_installed(self) -> None:
        before = self.site.run("config", "sample")
        self.rack()
        self.assertEqual((0, before.stdout), (before.status, self.site.run("config", "sample").stdout))

    def test_every_option_of_it_is_known(self) -> None:
        shown = self.site.run("config", "sample").stdout
        lines = [
            line[1:] if line.startswith("#") and " = " in line and line[1] != " " else line
            for line in shown.splitlines()
        ]
        kept = [line for line in lines if not line.endswith(("<None>", "<this machine's name>"))]
        status, found = self.site.check("\n".join(kept))
        self.assertNotIn("VS109", {item["Code"] for item in found}, found)
        self.assertNotIn("VS123", {item["Code"] for item in found}, found)
        self.assertIn(status, (0, 2))

    def test_all(self) -> None:
        source = """
            from oslo_config import cfg
            from volsched.plugins import PoolFilter

            class RackFilter(PoolFilter):
                contract = (1, 0)

                @classmethod
                def config_opts(cls):
                    return [cfg.IntOpt("racks", default=4, min=1, help="How many racks.")]

                def __init__(self, *, racks):
                    self.racks = racks

                def rejects(self, request, pool):
                    return None
        """
        group = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.4", modules={"acme_rack": source}, entry_points=group)
        self.assertNotIn("[filter_rack]", self.site.run("config", "sample").stdout)
        self.assertIn("[filter_rack]", self.site.run("config", "sample", "--all").stdout)
        self.assertIn("#racks = 4", self.site.run("config", "sample", "--all").stdout)


class TestConfigCheck(CommandsCase):
    def test_all_is_well(self) -> None:
        path = self.site.configured("[scheduler]\nfilters = capacity\n")
        done = self.site.run("--config-file", path, "config", "check")
        self.assertEqual(0, done.status, done.stderr)
        self.assertRegex(done.stdout, rf"^no problems \(\d+ options, files: {path}\)$")

    def test_for_people(self) -> None:
        path = self.site.configured("[scheduler]\nfilters = capcity\n[filter_json]\n")
        done = self.site.run("--config-file", path, "config", "check")
        self.assertEqual(2, done.status, done.stderr)
        self.assertIn(
            f"VS101 [scheduler] filters ({path}:2): expected the name of a filter, got 'capcity'", done.stdout
        )
        self.assertIn("1 problem (", done.stdout)
        self.assertIn(f"VS116 {path}:3: [filter_json] is not used", done.stdout)

    def test_a_file_that_cannot_be_read(self) -> None:
        done = self.site.run("--config-file", self.site.configured("[scheduler\n"), "config", "check")
        self.assertEqual((2, ""), (done.status, done.stdout))
        self.assertIn("volsched.conf:1: Invalid section", done.stderr)


class TestConfigShow(CommandsCase):
    def shown(self, *arguments: str, env: dict[str, str] | None = None) -> list[dict[str, object]]:
        path = self.site.configured("[scheduler]\nmax_attempts = 4\n[messaging]\ntransport_url = rabbit://u:S3CRET@h\n")
        done = self.site.run("--config-file", path, "config", "show", "-f", "json", *arguments, env=env)
        self.assertEqual(0, done.status, done.stderr)
        self.assertNotIn("S3CRET", done.stdout + done.stderr)
        rows: list[dict[str, object]] = json.loads(done.stdout)
        return rows

    def test_what_is_set_and_where(self) -> None:
        rows = self.shown("--origin", env={"OS_SCHEDULER__DRIVER": "chance"})
        path = self.site.home / "volsched.conf"
        self.assertIn(
            {"Section": "scheduler", "Option": "max_attempts", "Value": 4, "Origin": f"{path}:2"},
            rows,
        )
        origin = "environment variable OS_SCHEDULER__DRIVER"
        self.assertIn({"Section": "scheduler", "Option": "driver", "Value": "chance", "Origin": origin}, rows)
        self.assertIn({"(secret)"}, [{row["Value"]} for row in rows if row["Option"] == "transport_url"])

    def test_one_section_with_defaults(self) -> None:
        rows = self.shown("quota")
        self.assertEqual(
            [
                {"Section": "quota", "Option": "gigabytes", "Value": -1},
                {"Section": "quota", "Option": "volumes", "Value": -1},
            ],
            rows,
        )

    def test_no_such_section(self) -> None:
        done = self.site.run("config", "show", "quotas")
        self.assertEqual((2, ""), (done.status, done.stdout))
        self.assertIn("no section 'quotas'; there are agent, ", done.stderr)


class TestPluginCommands(CommandsCase):
    def listed(self, *arguments: str) -> list[dict[str, object]]:
        done = self.site.run(*arguments, "-f", "json")
        self.assertEqual(0, done.status, done.stderr)
        rows: list[dict[str, object]] = json.loads(done.stdout)
        return rows

    def test_list_imports_nothing(self) -> None:
        source = a_filter() + "\n    raise SystemExit('imported')\n"
        group = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.4", modules={"acme_rack": source}, entry_points=group)
        found = [row for row in self.listed("plugin", "list") if row["Name"] == "rack"]
        wanted = {
            "Kind": "filter",
            "Name": "rack",
            "Package": "acme-rack",
            "Version": "1.4",
            "Contract": "1.0",
            "Maturity": "stable",
            "Selected": False,
            "Note": None,
        }
        self.assertEqual([wanted], found)

    def test_list_tells_what_is_published_twice(self) -> None:
        self.rack()
        self.rack("zeta-rack")
        notes = [row["Note"] for row in self.listed("plugin", "list", "--kind", "filters") if row["Name"] == "rack"]
        self.assertEqual(["also published by zeta-rack 1.4", "also published by acme-rack 1.4"], notes)

    def test_list_of_what_is_selected(self) -> None:
        path = self.site.configured("[scheduler]\nfilters = json, capcity\n")
        rows = self.listed("--config-file", path, "plugin", "list", "--selected", "--kind", "filters")
        self.assertEqual(["json"], [row["Name"] for row in rows])

    def test_list_of_an_unknown_kind(self) -> None:
        done = self.site.run("plugin", "list", "--kind", "filtres")
        self.assertEqual((2, ""), (done.status, done.stdout))
        self.assertIn("there are schedulers, filters, ", done.stderr)

    def test_show(self) -> None:
        done = self.site.run("plugin", "show", "jsonl")
        self.assertEqual(0, done.status, done.stderr)
        for words in (
            "volsched_drivers.notifiers.jsonl:JsonlNotifier",
            "[notifier_<instance>]",
            "path  (text; required)",
        ):
            self.assertIn(words, done.stdout)

    def test_show_by_kind_and_package(self) -> None:
        self.rack()
        self.rack("zeta-rack")
        done = self.site.run("plugin", "show", "rack")
        self.assertEqual(2, done.status)
        self.assertIn("--kind filters acme-rack:rack or --kind filters zeta-rack:rack", done.stderr)
        done = self.site.run("plugin", "show", "zeta-rack:rack", "-f", "json")
        self.assertEqual("zeta-rack", json.loads(done.stdout)["package"])

    def test_show_of_a_broken_one(self) -> None:
        group = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.4", modules={"acme_rack": "import acmesdk\n"}, entry_points=group)
        done = self.site.run("plugin", "show", "rack")
        self.assertEqual((1, ""), (done.status, done.stdout))
        self.assertIn("No module named 'acmesdk' (VS103)", done.stderr)


class TestDatabaseCommands(CommandsCase):
    def test_from_nothing(self) -> None:
        done = self.site.run("db", "version", "-f", "json")
        self.assertEqual((1, None), (done.status, json.loads(done.stdout)["version"]))
        self.assertIn("run volsched db upgrade", done.stderr)
        for _ in range(2):
            done = self.site.run("db", "upgrade", "-f", "json")
            self.assertEqual(0, done.status, done.stderr)
            shown = json.loads(done.stdout)
            self.assertEqual(shown["needed"], shown["version"])
        self.assertEqual(0, self.site.run("db", "version").status)

    def test_a_database_that_cannot_be_used(self) -> None:
        (self.site.home / "volsched.db").write_text("this is no database, but it is long enough to be looked at" * 9)
        done = self.site.run("db", "upgrade")
        self.assertEqual((1, ""), (done.status, done.stdout))
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)

    def test_a_password_is_not_shown(self) -> None:
        text = "[database]\nconnection = postgresql+psycopg://u:S3CRET@127.0.0.1:1/n\n"
        done = self.site.run("--config-file", self.site.configured(text), "db", "upgrade")
        self.assertEqual((1, ""), (done.status, done.stdout))
        self.assertNotIn("S3CRET", done.stderr)
