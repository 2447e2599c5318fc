"""A notifier that posts events to a paging service over HTTP."""

import json
import urllib.request

from oslo_config import cfg

from volsched.plugins import Notifier


class PagerNotifier(Notifier):
    """Post every event to the paging service."""

    contract = (1, 0)

    def __init__(self, *, gateway, timeout, key):
        self.gateway = gateway
        self.timeout = timeout
        self.key = key

    @classmethod
    def config_opts(cls):
        return [
            cfg.URIOpt("gateway", required=True, schemes=["http", "https"], help="The URL that events are posted to."),
            cfg.FloatOpt("timeout", default=5.0, min=0.1, help="Seconds after which a page counts as failed."),
            cfg.StrOpt("key", secret=True, required=True, help="The key of the account."),
        ]

    def notify(self, event):
        body = json.dumps({"key": self.key, "event": event.plain()}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(self.gateway, body), timeout=self.timeout).close()
