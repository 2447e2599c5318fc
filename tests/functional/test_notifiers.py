"""Notifiers that hang, are unavailable, or reject: no request waits, and no event is lost; real processes."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import TestCase, servers
from tests.bus import Listener
from tests.functional.program import PATIENCE_SECONDS, Program, WarmProgram
from tests.functional.services import Service
from tests.receivers import ADDRESS, Answer, Received, Receiver
from volsched.db.database import Database
from volsched.db.outbox import Outbox

CONFIGURATION = """\
[paths]
state_path = {folder}

[scheduler]
poll_interval = 0.1

[agent]
host = node
backends = disk
report_interval = 1

[backend_disk]
driver = directory
path = {folder}/disk
pools = one
pool_size_gb = one:100
unit_bytes = 65536

[notifications]
notifiers = target
timeout = {timeout}
first_pause = 0.05
longest_pause = 0.5

[notifier_target]
{target}
"""
WEBHOOK = """\
driver = webhook
url = {url}
secret = a secret of the functional test
ca_file = {ca_file}
timeout = {timeout}
retries = 0
processes = {processes}
"""


class NotifierTestCase(TestCase):
    def setUp(self) -> None:
        self.home = self.folder()

    def configured(self, target: str, timeout: float = 10.0) -> Path:
        file = self.home / "volsched.conf"
        file.write_text(CONFIGURATION.format(folder=self.home, target=target, timeout=timeout))
        return file

    def webhook(self, url: str, receiver: Receiver, *, processes: str, timeout: float = 5.0) -> str:
        return WEBHOOK.format(url=url, ca_file=receiver.ca_file, processes=processes, timeout=timeout)

    def outbox(self) -> Outbox:
        database = Database(f"sqlite:///{self.home}/volsched.db")
        self.addCleanup(database.close)
        return Outbox(database)

    def ran(self, program: Program | WarmProgram, *arguments: str, status: int = 0) -> Any:
        done = program.run(*arguments)
        self.assertEqual(status, done.status, done.output + done.errors)
        return done.json() if done.output.startswith(("{", "[")) else done.output


class TestUnreachableWebhook(NotifierTestCase):
    """It hangs, is down, and comes back, while volumes come and go and a service is killed."""

    def setUp(self) -> None:
        super().setUp()
        with socket.socket() as free:
            free.bind((ADDRESS, 0))
            self.port = int(free.getsockname()[1])

    def test_no_request_waits_and_every_event_arrives_in_order(self) -> None:
        let_go = threading.Event()
        self.addCleanup(let_go.set)

        def hang(received: Received) -> Answer:
            let_go.wait(PATIENCE_SECONDS)
            return 204, {}

        hanging = Receiver(self.folder(), port=self.port, answering=hang)
        target = self.webhook(hanging.url, hanging, processes="scheduler, agent", timeout=0.5)
        file = self.configured(target, timeout=1.0)
        program = WarmProgram(self.home, file)
        self.ran(program, "db", "upgrade")
        with Service("scheduler", file) as scheduler, Service("agent", file) as agent:
            scheduler.until("ready")
            agent.until("ready")
            with hanging:
                first = self.ran(program, "volume", "create", "--size", "1", "--name", "first", "-f", "json")
                self.assertTrue(hanging.wait_for(lambda received: len(received) > 0, PATIENCE_SECONDS))
                second = self.ran(program, "volume", "create", "--size", "1", "--name", "second", "-f", "json")
            self.assertEqual(["available"] * 2, [volume["Status"] for volume in (first, second)])
            self.ran(program, "volume", "create", "--size", "50000", "--name", "third", "-f", "json", status=1)
            scheduler.process.kill()  # whatever it was about to deliver
        with Service("scheduler", file) as scheduler, Service("agent", file) as agent:
            scheduler.until("ready")
            agent.until("ready")
            self.ran(program, "volume", "delete", "first")
            waiting = self.ran(program, "event", "list", "--state", "waiting", "-f", "json")
            self.assertTrue(waiting)
            self.assertEqual([], self.ran(program, "event", "list", "--state", "delivered", "-f", "json"))
            let_go.set()
            back = Receiver(self.folder(), port=self.port, authorizer=hanging.authorizer)
            with back:
                outbox = self.outbox()
                ids = [volume["ID"] for volume in (first, second)]
                self.assertTrue(
                    back.wait_for(lambda received: _has_all(received, outbox, ids), PATIENCE_SECONDS),
                    [received.event()["event_type"] for received in back.received],
                )
            self.assertEqual((0, 0), (scheduler.end(), agent.end()))
        for volume_id in ids:
            told_ids = [event.id for event in outbox.of(volume_id)]
            arrived = [one.id for one in back.received if one.event()["volume_id"] == volume_id]
            self.assertEqual(told_ids, list(dict.fromkeys(arrived)), "each, and in the order in which it happened")
        types = [event.event_type for event in outbox.of(ids[0])]
        self.assertEqual(
            [
                "scheduler.create_volume.start",
                "scheduler.create_volume.end",
                "volume.create.start",
                "volume.create.end",
                "volume.delete.start",
                "volume.delete.end",
            ],
            types,
        )
        refusals = [one.event() for one in back.received if one.event()["event_type"] == "scheduler.create_volume"]
        self.assertEqual([("error", "NoValidBackend")] * len(refusals), [
            (one["priority"], one["payload"]["error"]) for one in refusals
        ])  # fmt: skip
        self.assertEqual({"capacity": 1}, refusals[0]["payload"]["decision"]["rejected"])
        self.assertEqual("filter", refusals[0]["payload"]["driver"])


def _has_all(received: Sequence[Received], outbox: Outbox, volume_ids: Sequence[str]) -> bool:
    """Whether every event of these volumes came, the last one too, and the refusal of another."""
    ids = {one.id for one in received}
    events = [event for volume_id in volume_ids for event in outbox.of(volume_id)]
    ended = [event.event_type for event in events].count("volume.create.end") == len(volume_ids)
    refused = any(one.event()["event_type"] == "scheduler.create_volume" for one in received)
    deleted = any(event.event_type == "volume.delete.end" for event in events)
    return ended and deleted and refused and all(event.id in ids for event in events)


class TestParked(NotifierTestCase):
    def test_refused_event_is_parked_shown_and_tried_again(self) -> None:
        receiver = self.enterContext(Receiver(self.folder(), answering=lambda received: (422, {})))
        file = self.configured(self.webhook(receiver.url, receiver, processes="command"))
        program = WarmProgram(self.home, file)
        self.ran(program, "db", "upgrade")
        volume = self.ran(program, "volume", "create", "--size", "1", "--name", "it", "-f", "json")
        parked = self.ran(program, "event", "list", "--state", "parked", "-f", "json")
        self.assertEqual({"target"}, {one["Notifier"] for one in parked})
        self.assertEqual({volume["ID"]}, {one["Volume"] for one in parked})
        self.assertRegex(parked[0]["Problem"], r"^https://127.0.0.1:\d+: status 422")
        shown = self.ran(program, "event", "show", parked[0]["Event"], "-f", "json")
        self.assertEqual(("scheduler.create_volume.start", "1.1"), (shown["event_type"], shown["schema_version"]))
        self.assertEqual("parked", shown["deliveries"][0]["state"])
        text = self.ran(program, "event", "show", parked[0]["Event"])
        self.assertIn("event_type     scheduler.create_volume.start", text)
        self.assertRegex(text, "parked         target, after 1 failures .*422")
        again = self.ran(program, "event", "retry", parked[0]["Event"], "-f", "json", status=1)
        self.assertEqual(["parked"], [one["State"] for one in again])
        receiver.answering = lambda received: (204, {})
        receiver.received.clear()
        done = self.ran(program, "event", "retry", "--all", "-f", "json")
        self.assertEqual({"delivered"}, {one["State"] for one in done})
        self.assertEqual([one["Event"] for one in parked], [received.id for received in receiver.received])
        self.assertIn("no events are parked", program.run("event", "retry", "--all").errors)

    def test_bad_arguments_of_retry_are_refused(self) -> None:
        file = self.configured("driver = noop\n")
        program = WarmProgram(self.home, file)
        self.ran(program, "db", "upgrade")
        for arguments, words in (
            (("retry",), "expected ids of parked events, or --all"),
            (("retry", "--all", "x"), "expected ids of parked events, or --all"),
            (("retry", "x"), "no parked event 'x'"),
            (("show", "x"), "no event 'x'"),
            (("list", "--limit", "0"), "expected 1 or more, got 0"),
        ):
            with self.subTest(arguments=arguments):
                done = program.run("event", *arguments)
                self.assertEqual(2, done.status)
                self.assertIn(words, done.errors)
        self.assertIn("no events yet", program.run("event", "list").errors)


class TestDatabase(NotifierTestCase):
    def test_owner_reads_successes_and_refusals(self) -> None:
        file = self.configured("driver = database\n")
        program = WarmProgram(self.home, file)
        self.ran(program, "db", "upgrade")
        made = self.ran(program, "volume", "create", "--size", "1", "--name", "it", "-f", "json")
        self.ran(program, "volume", "extend", "it", "--size", "2")
        self.ran(program, "volume", "extend", "it", "--size", "50000", status=1)
        self.ran(program, "volume", "delete", "it")
        messages = self.ran(program, "volume", "messages", made["ID"], "-f", "json")
        self.assertEqual(["VS-DONE", "VS-DONE", "VS-NO-POOL", "VS-DONE"], [one["Code"] for one in messages])
        self.assertEqual("the volume has been extended to 2 GiB", messages[1]["Text"])


class TestBus(NotifierTestCase):
    """The messaging notifier and a real listener over a real broker."""

    def test_listener_receives_the_events_of_a_volume(self) -> None:
        url = servers.require("rabbitmq").url
        topic = f"volsched_test_{self.home.name}"
        file = self.configured(f"driver = messaging\ntransport_url = {url}\ntopic = {topic}\n")
        with Listener(f"{url}?rabbit_quorum_queue=true", topic) as listener:
            program = WarmProgram(self.home, file)
            self.ran(program, "db", "upgrade")
            made = self.ran(program, "volume", "create", "--size", "1", "--name", "it", "-f", "json")
            self.ran(program, "volume", "create", "--size", "50000", "--name", "huge", "-f", "json", status=1)
            self.assertEqual([], self.ran(program, "event", "list", "--state", "waiting", "-f", "json"))
            self.assertTrue(listener.wait_for(lambda heard: len(heard) == 6, PATIENCE_SECONDS))
        of_it = [one for one in listener.heard if one.payload["volume_id"] == made["ID"]]
        self.assertEqual(
            [
                "scheduler.create_volume.start",
                "scheduler.create_volume.end",
                "volume.create.start",
                "volume.create.end",
            ],
            [one.event_type for one in of_it],
        )
        (refusal,) = [one for one in listener.heard if one.priority == "error"]
        self.assertEqual("scheduler.create_volume", refusal.event_type)
        self.assertEqual(refusal.message_id, refusal.payload["id"])
        self.assertEqual("NoValidBackend", json.loads(json.dumps(refusal.payload))["payload"]["error"])

    def test_broker_that_refuses_the_login_is_an_error_within_the_timeout(self) -> None:
        from volsched.testing import an_event
        from volsched_drivers.notifiers.messaging import MessagingNotifier

        url = servers.require("rabbitmq").url
        stranger = MessagingNotifier(transport_url=url.replace("volsched:", "stranger:"), retry=0, timeout=2.0)
        self.addCleanup(stranger.stop)
        stranger.start()
        self.assertIsNone(stranger.health())
        begun = time.monotonic()
        with self.assertRaises(Exception) as caught:
            stranger.notify(an_event())
        self.assertLess(time.monotonic() - begun, 8)
        self.assertNotIn(url.split(":")[2].split("@")[0], str(caught.exception))
