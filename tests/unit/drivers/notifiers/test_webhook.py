"""The webhook notifier against a real HTTPS server on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

from ddt import data, ddt, unpack

from tests import TestCase
from tests.meta.sources import TOP
from tests.pages import File, read
from tests.receivers import Answer, Received, Receiver
from volsched.exceptions import EventRefused
from volsched.model.event import Priority
from volsched.testing import an_event
from volsched_drivers.notifiers.webhook import WebhookNotifier, signature

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD = "an older secret, in plain letters"
EVENT = an_event("event-1", priority=Priority.ERROR, payload={"reason": "naïve\nü ☃"})


def in_turn(*statuses: int) -> Any:
    """Answers one after the other; the last one for ever."""
    left = list(statuses)

    def answer(received: Received) -> Answer:
        return (left.pop(0) if len(left) > 1 else left[0]), {}

    return answer


class WebhookTestCase(TestCase):
    def setUp(self) -> None:
        self.receiver = self.enterContext(Receiver(self.folder()))

    def notifier(self, **options: Any) -> WebhookNotifier:
        made = WebhookNotifier(
            **{
                "url": self.receiver.url,
                "secret": SECRET,
                "ca_file": str(self.receiver.ca_file),
                "first_pause": 0.01,
                **options,
            }
        )
        self.addCleanup(made.stop)
        self.assertEqual([], made.validate())
        made.start()
        return made


class TestWhatIsSent(WebhookTestCase):
    def test_event_arrives_whole_and_signed(self) -> None:
        before = int(time.time())
        self.notifier().notify(EVENT)
        received = self.receiver.received[0]
        self.assertEqual(EVENT.plain(), received.event())
        self.assertEqual("/events", received.path)
        self.assertEqual("application/json", received.headers["content-type"])
        self.assertEqual(EVENT.id, received.id)
        at = received.headers["webhook-timestamp"]
        self.assertTrue(before <= int(at) <= time.time())
        # The check that the documentation describes.
        digest = hmac.new(KEY, f"{EVENT.id}.{at}.".encode() + received.body, hashlib.sha256).digest()
        self.assertEqual("v1," + base64.b64encode(digest).decode(), received.headers["webhook-signature"])

    def test_signature_is_that_of_standard_webhooks(self) -> None:
        """The example that is published with their specification."""
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        body = b'{"test": 2432232314}'
        self.assertEqual(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
        )

    def test_signature_passes_the_documented_check(self) -> None:
        page = TOP / "doc" / "howto" / "notifier-webhook.rst"
        (recipe,) = [part.text for part in read(page) if isinstance(part, File) and part.name == "receiver.py"]
        made: dict[str, Any] = {}
        exec(compile(recipe, str(page), "exec"), made)
        is_genuine = made["is_genuine"]
        self.notifier(previous_secret=OLD).notify(EVENT)
        received = self.receiver.received[0]
        for secret, genuine in ((SECRET, True), (OLD, True), ("somebody else's secret", False)):
            self.assertEqual(genuine, is_genuine(received.headers, received.body, secret), secret)
        self.assertFalse(is_genuine(received.headers, received.body + b" ", SECRET), "changed on the way")
        self.assertFalse(is_genuine({**received.headers, "webhook-id": "another"}, received.body, SECRET))
        late = {**received.headers, "webhook-timestamp": str(int(time.time()) - 600)}
        self.assertFalse(is_genuine(late, received.body, SECRET), "replayed")

    def test_event_is_signed_with_both_keys_while_the_secret_changes(self) -> None:
        self.notifier(previous_secret=OLD).notify(EVENT)
        received = self.receiver.received[0]
        expected = [
            signature(secret, EVENT.id, received.headers["webhook-timestamp"], received.body)
            for secret in (SECRET, OLD)
        ]
        self.assertEqual(expected, received.headers["webhook-signature"].split(" "))

    def test_connection_is_reused(self) -> None:
        notifier = self.notifier()
        for _ in range(3):
            notifier.notify(EVENT)
        session = notifier._session
        assert session is not None
        pools = session.get_adapter(self.receiver.url).poolmanager.pools  # type: ignore[attr-defined]
        connections = [pools[key].num_connections for key in pools.keys()]  # noqa: SIM118 - no mapping
        self.assertEqual([1], connections)

    def test_event_that_cannot_be_written_as_json_is_refused_for_good(self) -> None:
        for payload in ({"size": float("inf")}, {"size": float("nan")}):
            with self.assertRaisesRegex(EventRefused, "cannot be written as JSON"):
                self.notifier().notify(an_event(payload=payload))
        self.assertEqual([], self.receiver.received)


@ddt
class TestAnswers(WebhookTestCase):
    @data(200, 201, 202, 204)
    def test_status_2xx_is_a_delivery(self, status: int) -> None:
        self.receiver.answering = in_turn(status)
        self.notifier().notify(EVENT)
        self.assertEqual(1, len(self.receiver.received))

    @data(500, 502, 503, 504, 429, 408)
    def test_busy_or_failing_receiver_is_tried_again_at_once(self, status: int) -> None:
        self.receiver.answering = in_turn(status, status, 204)
        self.notifier().notify(EVENT)
        ids = [received.id for received in self.receiver.received]
        self.assertEqual([EVENT.id] * 3, ids, "the id identifies the event")

    def test_attempts_are_limited(self) -> None:
        self.receiver.answering = in_turn(503)
        with self.assertRaisesRegex(ConnectionError, r"https://127.0.0.1:\d+: status 503 .* \(tried 2 times\)"):
            self.notifier(retries=1).notify(EVENT)
        self.assertEqual(2, len(self.receiver.received))

    @data(400, 413, 422)
    def test_permanent_statuses_refuse_the_event(self, status: int) -> None:
        self.receiver.answering = in_turn(status)
        with self.assertRaisesRegex(EventRefused, f"status {status}"):
            self.notifier().notify(EVENT)
        self.assertEqual(1, len(self.receiver.received))

    @data(401, 403, 404, 410)
    def test_other_client_errors_are_not_tried_again_at_once(self, status: int) -> None:
        self.receiver.answering = in_turn(status)
        with self.assertRaisesRegex(ConnectionError, f"status {status}"):
            self.notifier().notify(EVENT)
        self.assertEqual(1, len(self.receiver.received))

    @data(301, 302, 303, 307, 308)
    def test_redirects_are_not_followed(self, status: int) -> None:
        elsewhere = self.enterContext(Receiver(self.folder()))
        self.receiver.answering = lambda received: (status, {"Location": elsewhere.url})
        with self.assertRaisesRegex(ConnectionError, "redirects are not followed"):
            self.notifier().notify(EVENT)
        self.assertEqual([], elsewhere.received)


class TestConnections(WebhookTestCase):
    def test_certificate_of_an_unknown_authority_is_refused(self) -> None:
        stranger = self.enterContext(Receiver(self.folder()))
        with self.assertRaisesRegex(ConnectionError, "certificate is not trusted"):
            self.notifier(url=stranger.url).notify(EVENT)
        self.assertEqual([], stranger.received)

    def test_receiver_that_is_down_raises_without_the_path_of_the_url(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            notifier = self.notifier(url=f"https://127.0.0.1:{port}/secret-path")
            with self.assertRaisesRegex(ConnectionError, "refused.*tried 3 times") as caught:
                notifier.notify(EVENT)
        self.assertNotIn("secret-path", str(caught.exception))

    def test_receiver_that_hangs_is_left_after_the_timeout(self) -> None:
        let_go = threading.Event()
        self.addCleanup(let_go.set)

        def hang(received: Received) -> Answer:
            let_go.wait(10)
            return 204, {}

        self.receiver.answering = hang
        notifier = self.notifier(timeout=0.3)
        before = time.monotonic()
        with self.assertRaises(ConnectionError):
            notifier.notify(EVENT)
        self.assertLess(time.monotonic() - before, 2.0)

    def test_stop_ends_the_pause_between_attempts(self) -> None:
        self.receiver.answering = in_turn(503)
        notifier = self.notifier(first_pause=5.0, timeout=8.0)
        problems: list[Exception] = []

        def work() -> None:
            try:
                notifier.notify(EVENT)
            except ConnectionError as problem:
                problems.append(problem)

        thread = threading.Thread(target=work)
        thread.start()
        self.assertTrue(self.receiver.wait_for(lambda received: len(received) == 1, 5))
        notifier.stop()
        thread.join(2)
        self.assertFalse(thread.is_alive())
        self.assertEqual(1, len(problems))

    def scripted(self, *answers: bytes) -> str:
        """Serve one connection for each answer, which is left open; return the URL."""
        done = threading.Event()
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening, ExitStack() as connections:
                for answer in answers:
                    connection = connections.enter_context(listening.accept()[0])
                    connection.recv(65536)
                    connection.sendall(answer)
                done.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)
        return f"http://127.0.0.1:{listening.getsockname()[1]}/x"

    def test_event_is_delivered_at_the_status_though_the_body_never_ends(self) -> None:
        url = self.scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\nx")
        before = time.monotonic()
        self.notifier(url=url, timeout=9.0).notify(EVENT)
        self.assertLess(time.monotonic() - before, 5.0)

    def test_control_characters_of_the_receiver_are_escaped(self) -> None:
        for answer, expected in (
            (b"HTTP/1.1 503 \x1b[31mred\x07\r\nContent-Length: 0\r\n\r\n", r"status 503 \\x1b\[31mred\\x07"),
            (b"first\x1b[2J line\r\n\r\n", r"first\\+x1b\[2J line"),
        ):
            notifier = self.notifier(url=self.scripted(answer), retries=0)
            with self.subTest(answer), self.assertRaisesRegex(ConnectionError, expected) as raised:
                notifier.notify(EVENT)
            self.assertTrue(str(raised.exception).isprintable())

    def test_missing_file_of_authorities_is_raised_at_start(self) -> None:
        notifier = WebhookNotifier(url=self.receiver.url, secret=SECRET, ca_file=str(self.folder() / "none.pem"))
        with self.assertRaisesRegex(FileNotFoundError, r"none\.pem"):
            notifier.start()


@ddt
class TestOptions(TestCase):
    @data(
        ({"url": "ftp://example.org/"}, "expected https://HOST/PATH"),
        ({"url": "https:///path"}, "expected https://HOST/PATH"),
        ({"url": "http://example.org/"}, "use https"),
        ({"url": "https://user:word@example.org/"}, "user name and password"),
        ({"url": "https://[::1/"}, "cannot be parsed"),
        ({"secret": "short"}, "secret: expected at least 16"),
        ({"secret": ""}, "secret: expected at least 16"),
        ({"secret": "whsec_AAAA"}, "secret: expected at least 16"),
        ({"secret": "whsec_!!"}, "secret: expected base64"),
        ({"previous_secret": "short"}, "previous_secret: expected at least 16"),
    )
    @unpack
    def test_bad_options_are_named(self, options: dict[str, Any], problem: str) -> None:
        notifier = WebhookNotifier(**{"url": "https://example.org/", "secret": SECRET, **options})
        self.assertRegex("; ".join(notifier.validate()), problem)

    def test_plain_http_is_allowed_to_this_machine(self) -> None:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            self.assertEqual([], WebhookNotifier(url=f"http://{host}:8080/x", secret=SECRET).validate())
