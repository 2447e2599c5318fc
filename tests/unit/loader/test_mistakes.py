"""The mistakes that operators make, each shown by the real program over really installed packages."""

from __future__ import annotations

from typing import Any

import tests
from tests.unit.loader.packages import Site, a_filter, a_notifier


class MistakesCase(tests.TestCase):
    """A site with nothing but volsched, and a configuration to get wrong."""

    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.folder())

    def rack(
        self, source: str, *, package: str = "acme-rack", version: str = "1.4", requires: tuple[str, ...] = ()
    ) -> None:
        """Publish a filter called `rack`."""
        module = package.replace("-", "_")
        self.site.publish(
            package,
            version,
            modules={module: source},
            entry_points={"volsched.filters": {"rack": f"{module}:RackFilter"}},
            requires=requires,
        )

    def posting(self) -> None:
        """Publish a notifier called `posting`, whose option `url` is required."""
        self.site.publish(
            "acme-hooks",
            "2.0",
            modules={"acme_hooks": a_notifier()},
            entry_points={"volsched.notifiers": {"posting": "acme_hooks:Webhook"}},
        )

    def refused(self, text: str, **env: str) -> list[dict[str, Any]]:
        """What is wrong with a configuration, which must be found wrong."""
        status, found = self.site.check(text, env)
        self.assertEqual(2, status)
        return [item for item in found if item["Severity"] == "error"]

    def one(self, text: str, code: str, **env: str) -> dict[str, Any]:
        """The only thing that is wrong."""
        found = self.refused(text, **env)
        self.assertEqual([code], [item["Code"] for item in found], found)
        return found[0]

    def assert_says(self, found: dict[str, Any], field: str, *words: str) -> None:
        for word in words:
            self.assertIn(word, found[field])


class TestTwelveMistakes(MistakesCase):
    """PLUGINS.md's table, in its order."""

    def test_1_a_typo_in_a_name(self) -> None:
        found = self.one("[scheduler]\nfilters = capacity,\n  capabilitees\n", "VS101")
        self.assert_says(found, "Where", "[scheduler] filters", "volsched.conf:2")
        self.assert_says(found, "Problem", "expected the name of a filter, got 'capabilitees'")
        self.assert_says(found, "Fix", "did you mean 'capabilities'?", "installed filters: availability_zone, ")

    def test_2_a_right_name_of_the_wrong_kind(self) -> None:
        self.rack(a_filter())
        found = self.one("[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = rack\n", "VS102")
        self.assert_says(found, "Where", "[notifier_ops] driver", "volsched.conf:4")
        self.assert_says(found, "Problem", "'rack' is one of the filters, not one of the notifiers")
        self.assert_says(found, "Fix", "name one of the notifiers: database, fanout, jsonl, ", "[scheduler] filters")

    def test_3_a_vendors_module_is_missing(self) -> None:
        self.rack("import acmesdk.client\n", requires=("acme-sdk>=2",))
        found = self.one("[scheduler]\nfilters = rack\n", "VS103")
        self.assert_says(found, "Where", "filter rack of acme-rack 1.4")
        self.assert_says(found, "Problem", "ModuleNotFoundError: No module named 'acmesdk'")
        self.assert_says(found, "Fix", "pip install 'acme-sdk>=2'")

    def test_3_a_missing_module_that_no_requirement_names(self) -> None:
        self.rack("import acmesdk.client\n")
        found = self.one("[scheduler]\nfilters = rack\n", "VS103")
        self.assert_says(found, "Fix", "has the module 'acmesdk'", "acme-rack does not name it")

    def test_3_a_module_that_is_gone(self) -> None:
        self.rack(a_filter())
        (self.site.folder / "acme_rack.py").unlink()
        found = self.one("[scheduler]\nfilters = rack\n", "VS103")
        self.assert_says(found, "Fix", "reinstall acme-rack 1.4, which is damaged or partly removed")

    def test_3_a_module_that_cannot_be_imported(self) -> None:
        for source, error in (
            ("def broken(:\n", "SyntaxError"),
            ("raise SystemExit(3)\n", "SystemExit(3)"),
            ("assert 1 > 2, 'wrong machine'\n", "AssertionError: wrong machine"),
            ("1 / 0\n", "ZeroDivisionError: division by zero"),
            ("import asyncio\nraise asyncio.CancelledError('odd')\n", "CancelledError: odd"),
            ("from volsched.plugins import Renamed\n", "ImportError: cannot import name 'Renamed'"),
            ("class Other: pass\n", "AttributeError: module 'acme_rack' has no attribute 'RackFilter'"),
        ):
            with self.subTest(error=error):
                self.site = Site(self.folder())
                self.rack(source)
                found = self.one("[scheduler]\nfilters = rack\n", "VS103")
                self.assert_says(found, "Where", "filter rack of acme-rack 1.4")
                self.assert_says(found, "Problem", error)

    def test_4_two_packages_publish_one_name(self) -> None:
        self.rack(a_filter())
        self.rack(a_filter(), package="zeta-rack", version="0.3")
        found = self.one("[scheduler]\nfilters = rack\n", "VS104")
        self.assert_says(found, "Problem", "'rack'", "acme-rack 1.4", "zeta-rack 0.3")
        self.assert_says(found, "Fix", "acme-rack:rack", "zeta-rack:rack")

    def test_4_the_spelling_that_settles_it(self) -> None:
        self.rack(a_filter())
        self.rack(a_filter(), package="zeta-rack", version="0.3")
        self.assertEqual((0, []), self.site.check("[scheduler]\nfilters = zeta_rack:rack\n"))

    def test_5_a_package_made_for_another_release(self) -> None:
        # It would end the program if it were imported: the release is looked at first.
        self.rack("raise SystemExit('imported')\n", requires=("volsched>=2,<3",))
        found = self.one("[scheduler]\nfilters = rack\n", "VS105")
        self.assert_says(
            found, "Problem", "acme-rack 1.4 was made for volsched<3,>=2", "but volsched 0.1.0 is installed"
        )
        self.assert_says(found, "Fix", "a release of acme-rack made for volsched 0.1.0")

    def test_6_a_contract_that_does_not_fit(self) -> None:
        for contract, fix in (
            ("(2, 0)", "upgrade volsched to a release that offers 2.0"),
            ("(1, 7)", "upgrade volsched to a release that offers 1.7"),
            ("(0, 9)", "upgrade acme-rack to a release for contract 1.0"),
            ("'1.0'", "report it to the vendor of acme-rack: the class body needs contract = (1, 0)"),
        ):
            with self.subTest(contract=contract):
                self.site = Site(self.folder())
                self.rack(a_filter(contract=contract))
                found = self.one("[scheduler]\nfilters = rack\n", "VS106")
                self.assert_says(found, "Where", "filter rack of acme-rack 1.4")
                self.assert_says(found, "Fix", fix)

    def test_6_an_inherited_contract_does_not_count(self) -> None:
        self.rack(a_filter("Base") + "\n    class RackFilter(Base):\n        pass\n")
        found = self.one("[scheduler]\nfilters = rack\n", "VS106")
        self.assert_says(
            found, "Problem", "acme_rack:RackFilter: expected contract = (major, minor) in the class body, got none"
        )

    def test_7_a_required_option_is_missing(self) -> None:
        self.posting()
        found = self.one("[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = posting\n", "VS107")
        self.assert_says(found, "Where", "[notifier_ops] url")
        self.assert_says(found, "Problem", "posting of acme-hooks 2.0", "Where events are posted.")
        self.assert_says(found, "Fix", "add to [notifier_ops]: url = ")

    def test_8_a_bad_value_in_a_file(self) -> None:
        self.posting()
        text = "[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = posting\nurl = x\ntimeout = 99\n"
        found = self.one(text, "VS108")
        self.assert_says(found, "Where", "[notifier_ops] timeout", "volsched.conf:6")
        self.assert_says(found, "Problem", "expected a whole number from 1 to 60, got '99'")
        self.assert_says(found, "Fix", "correct the value")

    def test_8_a_bad_value_in_the_environment(self) -> None:
        found = self.one("", "VS108", OS_SCHEDULER__MAX_ATTEMPTS="often")
        self.assert_says(found, "Where", "environment variable OS_SCHEDULER__MAX_ATTEMPTS")
        self.assert_says(found, "Problem", "expected a whole number from 1 to 100, got 'often'")

    def test_8_a_secret_is_never_shown(self) -> None:
        self.posting()
        text = "[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = posting\nurl = x\ntoken = S3CRET\n"
        done = self.site.run("--config-file", self.site.configured(text), "config", "check")
        self.assertEqual(2, done.status)
        self.assertIn("[notifier_ops] token", done.stdout)
        self.assertNotIn("S3CRET", done.stdout + done.stderr)

    def test_9_a_misspelt_option_of_a_plugin(self) -> None:
        self.posting()
        text = "[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = posting\nurl = x\ntimout = 3\n"
        found = self.one(text, "VS109")
        self.assert_says(found, "Where", "volsched.conf:6")
        self.assert_says(found, "Problem", "[notifier_ops] has no option 'timout'")
        self.assert_says(
            found, "Fix", "did you mean 'timeout'?", "driver, event_types, priorities, processes, timeout, token, url"
        )

    def test_9_a_misspelt_environment_variable(self) -> None:
        found = self.one("", "VS109", OS_SCHEDULER__FILTRES="capacity")
        self.assert_says(found, "Where", "environment variable OS_SCHEDULER__FILTRES")
        self.assert_says(found, "Fix", "did you mean 'filters'?")

    def test_10_a_package_that_is_not_allowed(self) -> None:
        self.rack("raise SystemExit('imported')\n")
        found = self.one("[scheduler]\nfilters = rack\n[plugins]\nallowed_packages = other\n", "VS110")
        self.assert_says(found, "Problem", "'rack' is of acme-rack 1.4", "volsched.conf:4")
        self.assert_says(found, "Fix", "add acme-rack to that list")

    def test_10_an_allowed_package_in_another_spelling(self) -> None:
        self.rack(a_filter())
        text = "[scheduler]\nfilters = rack, capacity\n[plugins]\nallowed_packages = ACME.rack\n"
        self.assertEqual((0, []), self.site.check(text))

    def test_12_what_is_no_plugin(self) -> None:
        for source, problem in (
            ("RackFilter = 7\n", "acme_rack:RackFilter: expected a class, got an int"),
            ("class RackFilter: pass\n", "expected a filter, got a class that is not a plugin"),
            (a_notifier("RackFilter"), "expected a filter, got a notifier"),
            (
                "from volsched.plugins import PoolFilter\nclass RackFilter(PoolFilter):\n    contract = (1, 0)\n",
                "lacks required methods: rejects",
            ),
        ):
            with self.subTest(problem=problem):
                self.site = Site(self.folder())
                self.rack(source)
                found = self.one("[scheduler]\nfilters = rack\n", "VS112")
                self.assert_says(found, "Where", "filter rack of acme-rack 1.4")
                self.assert_says(found, "Problem", problem)
                self.assert_says(found, "Fix", "the vendor of acme-rack")

    def test_all_at_once(self) -> None:
        self.rack("import acmesdk\n")
        self.posting()
        found = self.refused(
            """\
            [scheduler]
            filters = capcity, rack
            max_attempts = 0
            weihgers = capacity
            [notifications]
            notifiers = ops, lgo
            [notifier_ops]
            driver = posting
            timeout = 0
            [databse]
            connection = sqlite://
            """
        )
        self.assertEqual(
            ["VS101", "VS103", "VS107", "VS108", "VS108", "VS109", "VS115", "VS123"],
            sorted(item["Code"] for item in found),
        )


class TestBrokenMetadata(MistakesCase):
    """Metadata of other packages that cannot be read."""

    def test_unreadable_entry_points_of_another_package_are_ignored_and_named(self) -> None:
        folder = self.site.folder / "bad-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1\n")
        (folder / "entry_points.txt").write_text("[console_scripts]\nnonsense\n")
        path = self.site.configured("")
        for words in (("config", "check"), ("plugin", "list"), ("--help",)):
            with self.subTest(words=words):
                done = self.site.run("--config-file", path, *words)
                self.assertEqual(0, done.status, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
        done = self.site.run("--config-file", path, "doctor")
        self.assertIn(f"VS220 {folder}: the metadata cannot be read", done.stdout)

    def test_an_empty_metadata_folder_of_volsched_does_not_hide_the_real_one(self) -> None:
        (self.site.folder / "volsched-0.0.9.dist-info").mkdir()
        done = self.site.run("--version")
        self.assertEqual((0, "volsched 0.1.0\n"), (done.status, done.stdout), done.stderr)
        self.rack(a_filter(), requires=("volsched>=0.1,<2",))
        self.assertEqual((0, []), self.site.check("[scheduler]\nfilters = rack, capacity\n"))


class TestOtherMistakes(MistakesCase):
    """What is wrong beside the twelve."""

    def test_a_name_that_is_repeated(self) -> None:
        found = self.one("[scheduler]\nfilters = capacity, CapacityFilter\n", "VS114")
        self.assert_says(found, "Problem", "'capacity' is listed twice")

    def test_an_instance_without_a_section(self) -> None:
        found = self.one("[agent]\nbackends = disk1\n", "VS115")
        self.assert_says(found, "Problem", "'disk1' is listed, but there is no section [backend_disk1]")
        self.assert_says(found, "Fix", "add [backend_disk1] with driver = one of: directory")

    def test_an_instance_that_only_the_environment_describes(self) -> None:
        variables = {"OS_NOTIFICATIONS__NOTIFIERS": "ops", "OS_NOTIFIER_OPS__DRIVER": "noop"}
        self.assertEqual((0, []), self.site.check("", variables))

    def test_an_instance_name_that_cannot_be_a_sections(self) -> None:
        found = self.one("[agent]\nbackends = Disk-1\n", "VS101")
        self.assert_says(found, "Fix", "lower-case letters, digits and underscores")

    def test_a_section_of_what_is_not_selected(self) -> None:
        status, found = self.site.check("[notifier_ops]\ndriver = log\n")
        self.assertEqual((0, ["VS116"]), (status, [item["Code"] for item in found]))
        self.assert_says(found[0], "Where", "volsched.conf:1")
        self.assert_says(found[0], "Problem", "[notifications] notifiers does not name 'ops'")

    def test_a_weigher_that_counts_for_nothing(self) -> None:
        status, found = self.site.check("[weigher_capacity]\ncapacity_weight_multiplier = 0\n")
        self.assertEqual((0, ["VS117"]), (status, [item["Code"] for item in found]))

    def test_a_misspelt_section(self) -> None:
        found = self.one("[shceduler]\ndriver = filter\n", "VS123")
        self.assert_says(found, "Where", "volsched.conf:1")
        self.assert_says(found, "Fix", "did you mean 'scheduler'?")

    def test_an_option_in_the_wrong_section(self) -> None:
        found = self.one("[DEFAULT]\nweighers = capacity\n", "VS109")
        self.assert_says(found, "Fix", "move it to [scheduler]")

    def test_options_of_libraries_are_known(self) -> None:
        text = "[DEFAULT]\ndebug = true\nlog_file = /dev/null\n[oslo_messaging_rabbit]\nheartbeat_rate = 3\n"
        self.assertEqual((0, []), self.site.check(text))

    def test_an_option_that_is_set_twice(self) -> None:
        status, found = self.site.check("[scheduler]\ndriver = chance\ndriver = filter\n")
        self.assertEqual((0, ["VS124"]), (status, [item["Code"] for item in found]))
        self.assert_says(found[0], "Problem", "set again in line 3")

    def test_no_filter_at_all(self) -> None:
        found = self.one("[scheduler]\nfilters =\n", "VS125")
        self.assert_says(found, "Where", "[scheduler] filters", "volsched.conf:2")

    def test_a_plugin_that_cannot_be_constructed(self) -> None:
        self.rack(a_filter() + "\n        def __init__(self):\n            raise OSError('no rack here')\n")
        found = self.one("[scheduler]\nfilters = rack\n", "VS120")
        self.assert_says(found, "Where", "[filter_rack]")
        self.assert_says(found, "Problem", "filter rack of acme-rack 1.4", "OSError: no rack here")

    def test_a_plugin_that_refuses_its_options(self) -> None:
        self.rack(a_filter() + "\n        def validate(self):\n            return ['a is above b', 'c is odd']\n")
        found = self.refused("[scheduler]\nfilters = rack\n")
        self.assertEqual(["VS119", "VS119"], [item["Code"] for item in found])
        self.assert_says(found[0], "Problem", "filter rack of acme-rack 1.4 reports: a is above b")

    def test_options_that_are_none(self) -> None:
        for body, problem in (
            ("return ['timeout']", "'timeout'"),
            ("raise KeyError('racks')", "KeyError: 'racks'"),
        ):
            with self.subTest(body=body):
                self.site = Site(self.folder())
                self.rack(a_filter() + f"\n        @classmethod\n        def config_opts(cls):\n            {body}\n")
                found = self.one("[scheduler]\nfilters = rack\n", "VS112")
                self.assert_says(found, "Problem", "config_opts()", problem)

    def test_a_section_that_does_not_say_its_driver(self) -> None:
        found = self.one("[notifications]\nnotifiers = ops\n[notifier_ops]\n", "VS107")
        self.assert_says(found, "Where", "[notifier_ops] driver")
        self.assert_says(found, "Fix", "add to [notifier_ops]: driver = one of: database, fanout, jsonl, ")

    def test_a_published_name_that_cannot_be_a_sections(self) -> None:
        group = {"volsched.filters": {"Rack-1": "acme_rack:RackFilter"}}
        self.site.publish("acme-rack", "1.4", modules={"acme_rack": a_filter()}, entry_points=group)
        found = self.one("[scheduler]\nfilters = Rack-1\n", "VS112")
        self.assert_says(found, "Problem", "filter Rack-1 of acme-rack 1.4", "cannot be part of a section's name")

    def test_two_of_one_name_that_would_share_a_section(self) -> None:
        self.rack(a_filter())
        self.rack(a_filter(), package="zeta-rack", version="0.3")
        found = self.one("[scheduler]\nfilters = acme-rack:rack, zeta-rack:rack\n", "VS114")
        self.assert_says(found, "Problem", "acme-rack:rack and zeta-rack:rack would share the section [filter_rack]")

    def test_an_option_that_is_the_hosts(self) -> None:
        source = a_notifier().replace('"timeout"', '"driver"')
        group = {"volsched.notifiers": {"posting": "acme_hooks:Webhook"}}
        self.site.publish("acme-hooks", "2.0", modules={"acme_hooks": source}, entry_points=group)
        found = self.one("[notifications]\nnotifiers = posting\n[notifier_posting]\nurl = x\n", "VS112")
        self.assert_says(found, "Problem", "declares the option 'driver' of [notifier_posting]")

    def test_a_plugin_that_tells_secrets(self) -> None:
        for method in (
            "__init__(self, *, url, timeout, token):\n            raise ValueError",
            "validate(self):\n            return [str",
        ):
            with self.subTest(method=method):
                self.site = Site(self.folder())
                closing = "]" if method.endswith("[str") else ""
                told = "'hunter' + 'two is no good'"
                source = a_notifier() + f"\n        def {method}({told}){closing}\n"
                group = {"volsched.notifiers": {"posting": "acme_hooks:Webhook"}}
                self.site.publish("acme-hooks", "2.0", modules={"acme_hooks": source}, entry_points=group)
                text = "[notifications]\nnotifiers = posting\n[notifier_posting]\nurl = x\ntoken = huntertwo\n"
                (found,) = self.refused(text)
                self.assert_says(found, "Problem", "*** is no good")
                self.assertNotIn("huntertwo", str(found))
