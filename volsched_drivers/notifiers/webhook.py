"""The notifier that posts signed events to an HTTPS address."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from volsched.exceptions import EventRefused
from volsched.model.problem_log import one_line
from volsched.plugins import Event, Notifier

if TYPE_CHECKING:
    import requests
    from oslo_config import cfg

#: Statuses after which the receiver would refuse the same event again.
PERMANENT = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})
#: Statuses below 500 after which another attempt is made at once.
BUSY = frozenset({408, 425, 429})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_SECRET = 16
#: A body up to this many bytes is read, for at most this many seconds, so that the connection can be used again.
MOST_BODY, BODY_SECONDS = 4096, 0.5
MOST_CHARACTERS = 200


class WebhookNotifier(Notifier):
    """Posts each event as JSON to one address, signed with HMAC-SHA256 as specified by Standard Webhooks.

    A status of 200 to 299 is a delivery, whatever the body. After a failed connection, or a status of 500 and above,
    the event is posted again until `timeout` has passed, with growing pauses; then it waits in the outbox. Redirects
    are not followed: signed events go to the configured address only.
    """

    contract = (1, 0)

    def __init__(
        self,
        *,
        url: str,
        secret: str,
        previous_secret: str | None = None,
        timeout: float = 8.0,
        retries: int = 2,
        first_pause: float = 0.25,
        ca_file: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self.url = url
        self.timeout = timeout
        self.retries = retries
        self.first_pause = first_pause
        self.ca_file = ca_file
        self.proxy = proxy
        self.secret = secret
        self.previous_secret = previous_secret
        self._stopped = threading.Event()
        self._guard = threading.Lock()
        self._session: requests.Session | None = None

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            cfg.StrOpt(
                "url",
                required=True,
                secret=True,  # many services put a token into the path
                help="Address that events are posted to: https://HOST/PATH. Plain http is for this machine only.",
            ),
            cfg.StrOpt(
                "secret",
                required=True,
                secret=True,
                help="Key of the signature, shared with the receiver: `whsec_` and base64, or any other text of at "
                "least 16 characters. `echo whsec_$(openssl rand -base64 32)` makes one.",
            ),
            cfg.StrOpt(
                "previous_secret",
                secret=True,
                help="The previous key. While it is set, events are signed with both keys, so that the receiver can "
                "switch at any time.",
            ),
            cfg.FloatOpt(
                "timeout",
                default=8.0,
                min=0.1,
                max=9.0,
                help="Seconds for one event, all attempts together. Must be less than [notifications] timeout (10).",
            ),
            cfg.IntOpt(
                "retries",
                default=2,
                min=0,
                max=10,
                help="Attempts after the first one, within `timeout`; then the event waits in the outbox for the next "
                "delivery.",
            ),
            cfg.FloatOpt(
                "first_pause",
                default=0.25,
                min=0.0,
                max=5.0,
                help="Seconds before the second attempt; doubled before each further one.",
            ),
            cfg.StrOpt(
                "ca_file",
                help="File with PEM certificates of the authorities that the receiver's certificate is checked "
                "against, instead of the well-known ones. Certificates are always checked.",
            ),
            cfg.StrOpt(
                "proxy",
                secret=True,  # it may contain a password
                help="Address of a proxy, http://HOST:PORT. Proxies from the environment are not used.",
            ),
        )

    def validate(self) -> list[str]:
        problems = []
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as problem:
            return [f"url: expected https://HOST/PATH, got a URL that cannot be parsed: {problem}"]
        if parts.scheme not in ("https", "http") or not host:
            problems.append("url: expected https://HOST/PATH, got another kind of address")
        elif parts.scheme == "http" and host not in LOOPBACK:
            problems.append(f"url: http would send events unencrypted to {host}; use https")
        if parts.username or parts.password:
            problems.append("url: remove the user name and password; the signature authenticates the sender")
        for name, text in (("secret", self.secret), ("previous_secret", self.previous_secret)):
            if text is None:
                continue
            try:
                short = len(_key(text)) < SHORTEST_SECRET
            except ValueError as problem:
                problems.append(f"{name}: expected base64 after whsec_: {problem}")
                continue
            if short:
                problems.append(f"{name}: expected at least {SHORTEST_SECRET} characters; use 32 random ones")
        return problems

    def start(self) -> None:
        self._stopped.clear()
        with self._guard:
            self._opened()

    def stop(self) -> None:
        self._stopped.set()  # ends pauses between attempts
        with self._guard:
            if self._session is not None:
                self._session.close()
            self._session = None

    def notify(self, event: Event) -> None:
        """Raises EventRefused where the receiver will never accept the event, ConnectionError where it may later."""
        body = _body_of(event)
        with self._guard:
            session = self._opened()
        until = time.monotonic() + self.timeout
        pause = self.first_pause
        for attempt in range(self.retries + 1):
            problem = self._post(session, event, body, until - time.monotonic())
            if problem is None:
                return
            left = until - time.monotonic() - pause
            if attempt == self.retries or left <= 0 or self._stopped.wait(pause):
                break
            pause *= 2
        raise ConnectionError(f"{self._where}: {problem} (tried {attempt + 1} times)")

    # -- one attempt -------------------------------------------------------------------------------------------------

    def _post(self, session: requests.Session, event: Event, body: bytes, seconds: float) -> str | None:
        """Return None after a delivery, else why to try again. Raises EventRefused, ConnectionError."""
        import requests
        from urllib3.util import Timeout

        try:
            answer = session.post(
                self.url,
                data=body,
                headers=self._headers(event, body),
                timeout=Timeout(total=max(seconds, 0.05)),  # type: ignore[arg-type]  # requests hands it on
                allow_redirects=False,
                stream=True,  # the status counts, not the body
            )
        except requests.exceptions.SSLError as problem:
            raise ConnectionError(f"{self._where}: the certificate is not trusted: {_reason(problem)}") from None
        except requests.exceptions.RequestException as problem:
            return f"{type(problem).__name__}: {_reason(problem)}"
        with answer:
            status = answer.status_code
            if 200 <= status < 300:
                _drain(answer)
                return None
            result = f"status {status} {one_line(answer.reason or '', MOST_CHARACTERS)}".rstrip()
        if status in PERMANENT:
            raise EventRefused(f"{self._where}: {result}")
        if 300 <= status < 400:
            raise ConnectionError(f"{self._where}: {result}; redirects are not followed: set url to their target")
        if status >= 500 or status in BUSY:
            return result
        raise ConnectionError(f"{self._where}: {result}")  # 401, 404…: an attempt at once would not help, a later may

    def _headers(self, event: Event, body: bytes) -> dict[str, str]:
        at = str(int(time.time()))
        secrets = [text for text in (self.secret, self.previous_secret) if text]
        return {
            "Content-Type": "application/json",
            "User-Agent": "volsched",
            "Webhook-Id": event.id,
            "Webhook-Timestamp": at,
            "Webhook-Signature": " ".join(signature(secret, event.id, at, body) for secret in secrets),
        }

    def _opened(self) -> requests.Session:
        if self._session is None:
            import requests  # slow to import

            made = requests.Session()
            made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            made.trust_env = False  # no proxies, certificates or passwords from the environment
            made.verify = self.ca_file or True
            if self.ca_file:
                open(self.ca_file, "rb").close()  # raise at start, not at the first event
            if self.proxy:
                made.proxies = {"http": self.proxy, "https": self.proxy}
            self._session = made
        return self._session

    @property
    def _where(self) -> str:
        """Return the receiver's address without the path, which may contain a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def signature(secret: str, event_id: str, at: str, body: bytes) -> str:
    """Return `v1,` and the base64 of HMAC-SHA256 over `ID.SECONDS.BODY`, for the receiver to compare."""
    signed = f"{event_id}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    """Raises ValueError."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as problem:
        raise ValueError(str(problem)) from None


def _drain(answer: requests.Response) -> None:
    """Read a short body to its end, so that the connection can be used again. Otherwise the connection is closed."""
    from urllib3.exceptions import HTTPError

    length = answer.headers.get("Content-Length", "")
    if not length.isdigit() or not 0 < int(length) <= MOST_BODY:
        return
    deadline = threading.Timer(BODY_SECONDS, _stop_reading, (answer,))
    deadline.daemon = True
    deadline.start()
    try:
        answer.raw.read(MOST_BODY)
    except (OSError, HTTPError):
        return  # the event is delivered whatever becomes of the body
    finally:
        deadline.cancel()


def _stop_reading(answer: requests.Response) -> None:
    with suppress(OSError, RuntimeError, ValueError):  # the body ended meanwhile
        answer.raw.shutdown()


def _body_of(event: Event) -> bytes:
    """Raises EventRefused where the event cannot be written as JSON."""
    try:
        return json.dumps(event.plain(), sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as problem:
        raise EventRefused(f"the event cannot be written as JSON: {problem}") from None


def _reason(problem: BaseException) -> str:
    """Return the message of the innermost cause, as one line: outer ones quote the whole address."""
    inner: object = problem
    for _ in range(10):
        following = getattr(inner, "reason", None) or next(
            (arg for arg in getattr(inner, "args", ()) if isinstance(arg, BaseException)), None
        )
        if not isinstance(following, BaseException):
            break
        inner = following
    text = str(getattr(inner, "strerror", None) or inner)
    return one_line(text.rpartition(": ")[2], MOST_CHARACTERS) or type(inner).__name__
