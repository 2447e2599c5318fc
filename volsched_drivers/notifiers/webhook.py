"""The notifier that posts events to an HTTPS address, signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from volsched.exceptions import EventRefused
from volsched.plugins import Event, Notifier

if TYPE_CHECKING:
    import requests
    from oslo_config import cfg

#: Answers after which the same event would be refused again.
NEVER = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})
#: Answers below 500 that are worth another try at once.
BUSY = frozenset({408, 425, 429})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_SECRET = 16
SHORT_ANSWER = 4096
MOST_TOLD = 200


class WebhookNotifier(Notifier):
    """Posts each event as JSON to one address, signed with HMAC-SHA256 as Standard Webhooks describe it.

    An answer of 200 to 299 is a delivery. A connection that fails and an answer of 500 and above are tried again for as
    long as `timeout` lasts, with growing pauses; after that, the event waits in the outbox. Redirects are not followed:
    a signed event goes nowhere but to the address that was configured.
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
                help="Key of the signature, which the receiver has as well: `whsec_` and base64, or any other text of "
                "at least 16 characters. `echo whsec_$(openssl rand -base64 32)` makes one.",
            ),
            cfg.StrOpt(
                "previous_secret",
                secret=True,
                help="The key before this one. While it is set, events are signed with both, so that the receiver can "
                "change at any time.",
            ),
            cfg.FloatOpt(
                "timeout",
                default=8.0,
                min=0.1,
                max=9.0,
                help="Seconds for one event, all tries together. Delivery itself waits 10 seconds for a notifier "
                "unless [notifications] timeout says otherwise.",
            ),
            cfg.IntOpt(
                "retries",
                default=2,
                min=0,
                max=10,
                help="Tries after the first one, while there is time; then the event goes back to the outbox, which "
                "tries again later.",
            ),
            cfg.FloatOpt(
                "first_pause",
                default=0.25,
                min=0.0,
                max=5.0,
                help="Seconds before the second try; doubled before each one after it.",
            ),
            cfg.StrOpt(
                "ca_file",
                help="File of PEM certificates that the receiver's certificate is checked with, in place of the "
                "well-known authorities. Certificates are always checked.",
            ),
            cfg.StrOpt(
                "proxy",
                secret=True,  # it may have a password
                help="Address of a proxy, http://HOST:PORT. The environment's proxies are not used.",
            ),
        )

    def validate(self) -> list[str]:
        problems = []
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as problem:
            return [f"url cannot be understood: {problem}"]
        if parts.scheme not in ("https", "http") or not host:
            problems.append("url is no web address: write https://HOST/PATH")
        elif parts.scheme == "http" and host not in LOOPBACK:
            problems.append(f"url is http, and events would travel readable to {host}: use https")
        if parts.username or parts.password:
            problems.append("url has a user name or password in it: the signature tells the receiver who we are")
        for name, text in (("secret", self.secret), ("previous_secret", self.previous_secret)):
            if text is None:
                continue
            try:
                short = len(_key(text)) < SHORTEST_SECRET
            except ValueError as problem:
                problems.append(f"{name} begins with whsec_, and the rest is no base64: {problem}")
                continue
            if short:
                problems.append(
                    f"{name} is too short: take {SHORTEST_SECRET} characters at least, better 32 random ones"
                )
        return problems

    def start(self) -> None:
        self._stopped.clear()
        with self._guard:
            self._opened()

    def stop(self) -> None:
        self._stopped.set()  # nobody waits for another try any more
        with self._guard:
            if self._session is not None:
                self._session.close()
            self._session = None

    def notify(self, event: Event) -> None:
        """Raises EventRefused where the receiver will never take it, ConnectionError where it may do so later."""
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

    # -- one try -------------------------------------------------------------------------------------------------

    def _post(self, session: requests.Session, event: Event, body: bytes, seconds: float) -> str | None:
        """None where it was taken, else why it may be worth another try. Raises EventRefused, ConnectionError."""
        import requests
        from urllib3.util import Timeout

        try:
            answer = session.post(
                self.url,
                data=body,
                headers=self._headers(event, body),
                timeout=Timeout(total=max(seconds, 0.05)),  # type: ignore[arg-type]  # requests hands it on
                allow_redirects=False,
                stream=True,  # what the receiver has to say may be long, and is of no use to us
            )
        except requests.exceptions.SSLError as problem:
            raise ConnectionError(f"{self._where}: its certificate is not to be trusted: {_reason(problem)}") from None
        except requests.exceptions.RequestException as problem:
            return f"{type(problem).__name__}: {_reason(problem)}"
        with answer:
            status = answer.status_code
            if 200 <= status < 300:
                _read_away(answer)
                return None
            told = f"it answered {status} {answer.reason or ''}".rstrip()
        if status in NEVER:
            raise EventRefused(f"{self._where}: {told}")
        if 300 <= status < 400:
            raise ConnectionError(f"{self._where}: {told}; redirects are not followed: set url to where it leads")
        if status >= 500 or status in BUSY:
            return told
        raise ConnectionError(f"{self._where}: {told}")  # 401, 404…: at once is no better, later may be

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
            import requests  # slow to import, and needed by nobody else

            made = requests.Session()
            made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            made.trust_env = False  # no proxies, certificates or passwords that nobody configured for this
            made.verify = self.ca_file or True
            if self.ca_file:
                open(self.ca_file, "rb").close()  # said at the start, not at the first event
            if self.proxy:
                made.proxies = {"http": self.proxy, "https": self.proxy}
            self._session = made
        return self._session

    @property
    def _where(self) -> str:
        """The receiver, without the path: it may hold a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def signature(secret: str, event_id: str, at: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `ID.SECONDS.BODY`: what a receiver compares with its own."""
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


def _read_away(answer: requests.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again; a long one ends it."""
    from urllib3.exceptions import HTTPError

    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and int(length) <= SHORT_ANSWER:
        try:
            answer.raw.read(SHORT_ANSWER)
        except (OSError, HTTPError):
            return  # the event was taken all the same


def _body_of(event: Event) -> bytes:
    """Raises EventRefused where it is no JSON."""
    try:
        return json.dumps(event.plain(), sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as problem:
        raise EventRefused(f"the event is no JSON: {problem}") from None


def _reason(problem: BaseException) -> str:
    """The innermost cause, in its own words: the outer ones quote the whole address."""
    inner: object = problem
    for _ in range(10):
        following = getattr(inner, "reason", None) or next(
            (arg for arg in getattr(inner, "args", ()) if isinstance(arg, BaseException)), None
        )
        if not isinstance(following, BaseException):
            break
        inner = following
    text = str(getattr(inner, "strerror", None) or inner)
    return text.rpartition(": ")[2][:MOST_TOLD] or type(inner).__name__
