"""Checks whether the brokers of a message bus accept a connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

from volsched.messaging.transport import connect
from volsched.plugins.bus import completed, is_true

#: oslo.messaging's transports whose brokers speak AMQP 0-9-1.
AMQP = ("rabbit", "kombu")
AMQP_PORT = 5672


def unreachable(url: str, seconds: float) -> Iterator[tuple[str, str]]:
    """Return (address, problem) of each broker of `url` that does not accept a connection within `seconds`.

    Raises ConfigurationError if `url` names no bus.
    """
    transport = connect(url)
    try:
        import oslo_messaging

        parsed = oslo_messaging.TransportURL.parse(transport.conf, completed(url))
        for host in parsed.hosts:
            problem = _problem(parsed, host, seconds)
            if problem is not None:
                yield f"{host.hostname}:{host.port or AMQP_PORT}", problem
    finally:
        transport.cleanup()


def _problem(parsed: Any, host: Any, seconds: float) -> str | None:
    try:
        if parsed.transport.partition("+")[0] in AMQP:
            _log_in(parsed, host, seconds)
        else:
            socket.create_connection((host.hostname, host.port or AMQP_PORT), timeout=seconds).close()
    except Exception as problem:  # noqa: BLE001 - a library's, of any kind; it is returned
        text = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        return text.replace(host.password, "***") if host.password else text
    return None


def _tls(parsed: Any) -> dict[str, Any] | bool:
    """Return the TLS options that oslo.messaging derives from the URL's query."""
    query = parsed.query
    if not is_true(query.get("ssl", "")):
        return False
    names = {"ssl_key_file": "keyfile", "ssl_cert_file": "certfile", "ssl_ca_file": "ca_certs"}
    made: dict[str, Any] = {ours: query[name] for name, ours in names.items() if query.get(name)}
    if "ca_certs" in made:
        made["cert_reqs"] = ssl.CERT_REQUIRED
        made["server_hostname"] = parsed.hosts[0].hostname if len(parsed.hosts) == 1 else None
    return made or True


def _log_in(parsed: Any, host: Any, seconds: float) -> None:
    from kombu.connection import Connection  # as oslo.messaging does

    connection: Any = Connection(  # type: ignore[no-untyped-call]
        transport="pyamqp",
        hostname=host.hostname,
        port=host.port or AMQP_PORT,
        userid=host.username or None,
        password=host.password or None,
        virtual_host=parsed.virtual_host or "/",
        connect_timeout=seconds,
        transport_options={"read_timeout": seconds, "write_timeout": seconds},
        ssl=_tls(parsed),
    )
    try:
        connection.connect()
    finally:
        connection.release()
