"""Pages whoever is on call, over HTTP."""

import json
import urllib.request

from oslo_config import cfg

from volsched.plugins import Notifier


class PagerNotifier(Notifier):
    """Posts every event that it gets."""

    contract = (1, 0)

    def __init__(self, *, gateway, retry_policy, key):
        self.gateway = gateway
        self.retry_policy = retry_policy
        self.key = key

    @classmethod
    def config_opts(cls):
        return [
            cfg.URIOpt("gateway", required=True, schemes=["http", "https"], help="Where pages are posted to."),
            cfg.FloatOpt("patience", default=5.0, min=0.1, help="Seconds that the gateway has for an answer."),
            cfg.StrOpt("key", secret=True, required=True, help="The key of the account that pays."),
        ]

    def notify(self, event):
        body = json.dumps({"key": self.key, "event": event.plain()}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(self.gateway, body), timeout=self.retry_policy).close()
