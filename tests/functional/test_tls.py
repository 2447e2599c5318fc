"""TLS to the database and the message bus with real servers, as documented; untrusted certificates are rejected."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import sqlalchemy as sa
import trustme

from tests import TestCase, servers
from tests.functional.program import PATIENCE_SECONDS
from volsched.db.database import Database
from volsched.exceptions import DatabaseUnavailable
from volsched.messaging import transport
from volsched.messaging.caster import RpcCaster
from volsched.messaging.reachability import unreachable

#: What [database] connection says, and how a connection tells that it is one.
DATABASES = {
    "postgresql": (
        {"sslmode": "verify-full", "sslrootcert": "{authorizer}"},
        "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    ),
    "mariadb": (
        {"ssl_ca": "{authorizer}"},
        "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_VERSION'",
    ),
}


class TlsCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        stranger = self.folder() / "stranger.pem"
        trustme.CA().cert_pem.write_to_path(str(stranger))
        self.stranger = str(stranger)


class TestDatabases(TlsCase):
    def test_a_server_that_is_vouched_for_and_one_that_is_not(self) -> None:
        for kind, (query, question) in DATABASES.items():
            with self.subTest(kind):
                server = servers.require(kind)
                self.believed(self.url(server, query, server.authorizer), question)
                self.refused(self.url(server, query, self.stranger))

    def url(self, server: servers.Server, query: dict[str, str], authorizer: str) -> str:
        asked = {key: value.format(authorizer=authorizer) for key, value in query.items()}
        return sa.make_url(server.url).set(query=asked).render_as_string(hide_password=False)

    def believed(self, url: str, question: str) -> None:
        database = Database(url)
        self.addCleanup(database.close)
        said = database.read(lambda connection: connection.exec_driver_sql(question).scalar_one())
        self.assertRegex(said, "^(true|TLS.*)$")

    def refused(self, url: str) -> None:
        database = Database(url)
        self.addCleanup(database.close)
        with self.assertRaises(DatabaseUnavailable) as caught:
            database.read(lambda connection: None)
        told = str(caught.exception)
        self.assertIn("certificate verify failed", told)
        self.assertIn("see the certificates that [database] connection names", told)
        self.assertNotIn(str(sa.make_url(url).password), told)


class TestBus(TlsCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = servers.require("rabbitmq")

    def url(self, authorizer: str, host: str = "127.0.0.1") -> str:
        parts = urlsplit(self.server.url)
        return (
            f"rabbit://{parts.username}:{parts.password}@{host}:{self.server.tls_port}/"
            f"?ssl=true&ssl_ca_file={authorizer}"
        )

    def test_wake_ups_come_through(self) -> None:
        woken = threading.Event()
        bus = transport.connect(self.url(self.server.authorizer))
        self.addCleanup(bus.cleanup)
        listening = transport.server(bus, transport.AGENT_TOPIC, "host@tls", woken.set)
        listening.start()
        try:
            transport.sender(bus)("agent:host@tls")
            self.assertTrue(woken.wait(PATIENCE_SECONDS))
        finally:
            listening.stop()
            listening.wait()

    def test_the_doctor_sees_what_is_wrong(self) -> None:
        self.assertEqual([], list(unreachable(self.url(self.server.authorizer), 10)))
        system = self.url(self.server.authorizer).partition("&")[0]  # whom the system believes: not ours
        for url in (self.url(self.stranger), self.url(self.server.authorizer, "127.1"), system):
            ((_, why),) = unreachable(url, 10)
            self.assertIn("certificate", why)

    def test_a_stranger_is_told_nothing(self) -> None:
        bus = transport.connect(self.url(self.stranger))
        self.addCleanup(bus.cleanup)
        caster = RpcCaster(transport.sender(bus))
        with self.assertLogs("volsched.messaging.caster", "WARNING") as said:
            caster.wake("scheduler")
            caster.stop(PATIENCE_SECONDS)
        self.assertIn("certificate verify failed", said.output[0])
