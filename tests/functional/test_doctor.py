"""`volsched doctor` as operators run it: what a service says when it starts, and what nobody else would tell."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from tests import TestCase
from tests.functional.program import WarmProgram
from tests.unit.loader.packages import Outcome, Site, a_filter, a_notifier
from tests.unit.loader.test_start import LACKING, SCHEDULER, STARTING

SECRET = "plantedsecret"

ELEVEN = """\
[scheduler]
filters = capcity, log, broken, newer, lacking, older
weighers = evil
max_attempts = 0
[notifications]
notifiers = twice, ops
[notifier_ops]
driver = posting
timout = 3
[plugins]
allowed_packages = acme-broken, acme-newer, acme-lacking, acme-older, zeta-one, zeta-two, acme-hooks
"""


class DoctorCase(TestCase):
    """A site with packages of strangers."""

    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.folder())

    def publish(self, package: str, group: str, name: str, source: str, **more: Any) -> None:
        module = package.replace("-", "_")
        attribute = "RackFilter" if group == "filters" else "Webhook"
        entry_points = {f"volsched.{group}": {name: f"{module}:{attribute}"}}
        self.site.publish(package, "1.0", modules={module: source}, entry_points=entry_points, **more)

    def both(self, text: str) -> tuple[Outcome, Outcome]:
        """What the scheduler says when it is started, and what the doctor says."""
        file = self.site.configured(text)
        return (
            self.site.python("-c", SCHEDULER, "--config-file", file),
            self.site.run("--config-file", file, "doctor"),
        )


def told(text: str) -> list[str]:
    """The problems in an output, each with its code, place, cause and fix."""
    lines = text.splitlines()
    return [f"{line}\n{after}" for line, after in itertools.pairwise(lines) if line.startswith("VS1")]


class TestTwelveMistakes(DoctorCase):
    def test_eleven_in_the_same_words_all_at_once(self) -> None:
        for name, source in (
            ("broken", "import acmesdk\n"),
            ("newer", a_filter(contract="(1, 9)")),
            ("lacking", LACKING),
        ):
            self.publish(f"acme-{name}", "filters", name, source)
        self.publish("acme-older", "filters", "older", a_filter(), requires=("volsched>=9",))
        for package, name in (("zeta-one", "twice"), ("zeta-two", "twice"), ("acme-hooks", "posting")):
            self.publish(package, "notifiers", name, a_notifier())
        self.site.publish(
            "evil-weigher", "6.6", modules={"evil": "1 / 0\n"}, entry_points={"volsched.weighers": {"evil": "evil:W"}}
        )
        service, doctor = self.both(ELEVEN)
        self.assertEqual((2, 2), (service.status, doctor.status), doctor.stderr)
        self.assertEqual(
            [101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 112],
            sorted(int(problem[2:5]) for problem in told(service.stderr)),
        )
        # What is merely odd is a warning of the doctor's, in the log of a service that starts.
        failures = doctor.stdout.partition("Warnings:")[0]
        self.assertEqual(told(service.stderr), told(failures))

    def test_the_one_that_shows_only_when_a_plugin_is_started(self) -> None:
        self.publish("acme-hooks", "notifiers", "hook", a_notifier() + STARTING.format(error="OSError('no route')"))
        self.site.run("db", "upgrade")
        service, doctor = self.both("[notifications]\nnotifiers = hook\n[notifier_hook]\nurl = x\n")
        self.assertEqual((2, 2), (service.status, doctor.status), doctor.stderr)
        self.assertEqual(1, len(told(service.stderr)))
        self.assertIn(
            "VS111 [notifier_hook]: notifier hook of acme-hooks 1.0 cannot start: OSError: no route", doctor.stdout
        )
        self.assertEqual(told(service.stderr), told(doctor.stdout), doctor.stdout)


class TestSecrets(DoctorCase):
    """A password planted in the connection and one in a plugin's option: nobody sees them again."""

    def test_they_are_told_to_nobody(self) -> None:
        self.publish("acme-hooks", "notifiers", "hook", a_notifier() + STARTING.format(error="OSError(self.token)"))
        source = self.site.folder / "acme_hooks.py"
        source.write_text(source.read_text().replace("self.url = url", "self.url, self.token = url, token"))
        text = (
            f"[database]\nconnection = postgresql+psycopg://me:{SECRET}@127.0.0.1:1/volsched\n"
            f"[messaging]\ntransport_url = rabbit://me:{SECRET}@127.0.0.1:1/\n"
            f"[notifications]\nnotifiers = hook\n[notifier_hook]\nurl = x\ntoken = {SECRET}\n"
        )
        service, doctor = self.both(text)
        self.assertEqual((2, 2), (service.status, doctor.status))
        file = self.site.configured(text)
        shown = self.site.run("--config-file", file, "config", "show", "--origin")
        self.assertEqual(0, shown.status, shown.stderr)
        self.assertIn("(secret)", shown.stdout)
        from_environment = self.site.run(
            "config",
            "show",
            "--origin",
            "-f",
            "json",
            env={"OS_DATABASE__CONNECTION": f"postgresql://me:{SECRET}@127.0.0.1:1/x"},
        )
        self.assertIn("environment variable OS_DATABASE__CONNECTION", from_environment.stdout)
        torn = self.site.run("--config-file", self.site.configured(f"[messaging]\ntransport_url {SECRET}\n"), "doctor")
        self.assertEqual(2, torn.status, torn.stderr)
        self.assertIn("VS130", torn.stdout)
        self.assertIn("volsched.conf:2", torn.stdout)
        for done in (service, doctor, shown, from_environment, torn):
            self.assertNotIn(SECRET, done.stdout + done.stderr)
        self.assertIn("VS201 [database] connection", doctor.stdout)
        self.assertIn("VS202 [messaging] transport_url", doctor.stdout)
        self.assertIn("the broker at 127.0.0.1:1", doctor.stdout)
        self.assertIn("VS111 [notifier_hook]", doctor.stdout)
        self.assertIn("OSError: ***", doctor.stdout)


SETTINGS = """
[paths]
state_path = {folder}
[scheduler]
profiles = pack
[profile_pack]
types = archive, nobody
[profile_pack_weigher_capacity]
capacity_weight_multiplier = -1
[agent]
host = node1
backends = disk1
[backend_disk1]
driver = directory
path = {folder}/disk1
pools = small, large
pool_size_gb = small:100, large:200
unit_bytes = 4096
"""


class TestWorld(TestCase):
    def test_profiles_and_what_is_wrong_with_them(self) -> None:
        home: Path = self.folder()
        file = home / "volsched.conf"
        file.write_text(SETTINGS.format(folder=home))
        program = WarmProgram(home, file)
        self.assertEqual(0, program.run("db", "upgrade").status)
        program.run("type", "create", "archive")
        program.run("type", "create", "gold", "--extra-spec", "media=ssd")
        for type_name, pool, profile in (("archive", "small", "pack"), (None, "large", None)):
            asked = ["--type", type_name] if type_name else []
            made = program.run("volume", "create", "--size", "1", *asked, "-f", "json")
            self.assertEqual(0, made.status, made.errors)
            explained = program.run("volume", "explain", made.json()["ID"], "-f", "json").json()
            self.assertEqual((f"node1@disk1#{pool}", profile), (explained["chosen"], explained["profile"]))
            self.assertEqual(1, explained["config_generation"])
        doctor = program.run("doctor", "-f", "json")
        found = {row["Code"]: row for row in doctor.json()}
        self.assertEqual({"VS118", "VS128", "VS207"}, set(found))
        self.assertEqual(1, doctor.status)
        self.assertIn(f"[profile_pack] types ({file}:", found["VS128"]["Where"])
        self.assertIn("there is no volume type 'nobody'", found["VS128"]["Problem"])
        self.assertEqual("volume type gold", found["VS207"]["Where"])
