"""What a service prints when it is started with mistakes: all of them, before anything runs."""

from __future__ import annotations

import tests
from tests.unit.loader.packages import Outcome, Site, a_filter, a_notifier

SCHEDULER = "import sys; from volsched.cli.services import scheduler_main; sys.exit(scheduler_main())"
AGENT = "import sys; from volsched.cli.services import agent_main; sys.exit(agent_main())"

LACKING = """
    from volsched.plugins import PoolFilter

    class RackFilter(PoolFilter):
        contract = (1, 0)
"""

STARTING = """

        def start(self):
            raise {error}
"""


class StartCase(tests.TestCase):
    """A site to publish packages in, and services to start over it."""

    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.folder())

    def start(self, program: str, text: str) -> Outcome:
        """Start a service that must refuse to."""
        done = self.site.python("-c", program, "--config-file", self.site.configured(text))
        self.assertEqual(2, done.status, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done


class TestTwelveMistakesAtStart(StartCase):
    def test_all_at_once(self) -> None:
        publish = self.site.publish
        filters = {
            "broken": "import acmesdk\n",
            "newer": a_filter(contract="(1, 9)"),
            "lacking": LACKING,
            "older": a_filter(),
        }
        for name, source in filters.items():
            publish(
                f"acme-{name}",
                "1.0",
                modules={f"acme_{name}": source},
                entry_points={"volsched.filters": {name: f"acme_{name}:RackFilter"}},
                requires=("volsched>=9",) if name == "older" else (),
            )
        for package in ("zeta-one", "zeta-two"):
            module = package.replace("-", "_")
            group = {"volsched.notifiers": {"twice": f"{module}:Webhook"}}
            publish(package, "1.0", modules={module: a_notifier()}, entry_points=group)
        publish(
            "acme-hooks",
            "2.0",
            modules={"acme_hooks": a_notifier()},
            entry_points={"volsched.notifiers": {"posting": "acme_hooks:Webhook"}},
        )
        publish(
            "evil-weigher",
            "6.6",
            modules={"evil": "raise SystemExit('imported')\n"},
            entry_points={"volsched.weighers": {"evil": "evil:Weigher"}},
        )
        done = self.start(
            SCHEDULER,
            """\
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
            """,
        )
        wanted = [
            ("VS101", "expected the name of a filter, got 'capcity'"),
            ("VS102", "'log' is one of the notifiers, not one of the filters"),
            ("VS103", "No module named 'acmesdk'"),
            ("VS104", "published by zeta-one 1.0 and by zeta-two 1.0"),
            ("VS105", "acme-older 1.0 was made for volsched>=9"),
            ("VS106", "written for contract 1.9, but this volsched offers 1.0"),
            ("VS107", "needs the option url: Where events are posted."),
            ("VS108", "expected a whole number from 1 to 100, got '0'"),
            ("VS109", "[notifier_ops] has no option 'timout'"),
            ("VS110", "'evil' is of evil-weigher 6.6"),
            ("VS112", "lacks required methods: rejects"),
        ]
        for code, words in wanted:
            with self.subTest(code=code):
                line = next((line for line in done.stderr.splitlines() if line.startswith(code)), done.stderr)
                self.assertIn(words, line)
        self.assertIn("11 problems; nothing was started", done.stderr)

    def test_11_plugins_that_cannot_start(self) -> None:
        for name, error in (("one", "OSError('no route to host')"), ("two", "SystemExit('bye')")):
            self.site.publish(
                f"acme-{name}",
                "1.0",
                modules={f"acme_{name}": a_notifier() + STARTING.format(error=error)},
                entry_points={"volsched.notifiers": {name: f"acme_{name}:Webhook"}},
            )
        text = "[notifications]\nnotifiers = one, log, two\n[notifier_one]\nurl = x\n[notifier_two]\nurl = x\n"
        done = self.start(SCHEDULER, text)
        self.assertIn("2 problems; nothing was started", done.stderr)
        self.assertIn(
            "VS111 [notifier_one]: notifier one of acme-one 1.0 cannot start: OSError: no route to host", done.stderr
        )
        self.assertIn("VS111 [notifier_two]: notifier two of acme-two 1.0 cannot start: SystemExit: bye", done.stderr)

    def test_the_agent_too(self) -> None:
        done = self.start(AGENT, "[agent]\nbackends = disk1\n[backend_disk1]\ndriver = directry\n")
        self.assertIn("VS101 [backend_disk1] driver", done.stderr)
        self.assertIn("did you mean 'directory'?", done.stderr)

    def test_a_command_too(self) -> None:
        self.site.run("db", "upgrade")
        path = self.site.configured("[scheduler]\nservice_down_time = never\n")
        done = self.site.run("--config-file", path, "backend", "list")
        self.assertEqual((2, ""), (done.status, done.stdout), done.stderr)
        self.assertIn(
            f"[scheduler] service_down_time ({path}:2): expected a whole number from 1 to 86400, got 'never'",
            done.stderr,
        )
