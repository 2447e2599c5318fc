"""Pages whoever is on call, over HTTP."""

import json
import urllib.request

from oslo_config import cfg

from volsched.plugins import Notifier


class PagerNotifier(Notifier):
    """Posts events of the priorities that are worth waking somebody up for."""

    contract = (1, 0)

    def __init__(self, *, gateway, priorities, key):
        self.gateway = gateway
        self.priorities = priorities
        self.key = key

    @classmethod
    def config_opts(cls):
        return [
            cfg.URIOpt("gateway", required=True, schemes=["http", "https"], help="Where pages are posted to."),
            cfg.ListOpt("priorities", default=["error"], help="Events of these priorities are posted."),
            cfg.StrOpt("key", secret=True, required=True, help="The key of the account that pays."),
        ]

    def notify(self, event):
        if event.priority.value in self.priorities:
            body = json.dumps({"key": self.key, "event": event.plain()}).encode()
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(urllib.request.Request(self.gateway, body), timeout=5).close()
