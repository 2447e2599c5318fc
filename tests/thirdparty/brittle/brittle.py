"""Plugins that load well, and break when they are used."""

from volsched.placement.scheduler import PlacingScheduler
from volsched.plugins import Notifier, PoolFilter


class BrittleFilter(PoolFilter):
    """Expects every pool to report a capability that few do."""

    contract = (1, 0)

    def rejects(self, request, pool):
        return None if pool.capabilities["shelf"] else "no shelf"


class BrittleScheduler(PlacingScheduler):
    """Divides by nothing."""

    contract = (1, 0)

    def choose(self, request, candidates):
        return 1 // 0


class BrittleNotifier(Notifier):
    """Delivers nothing."""

    contract = (1, 0)

    def notify(self, event):
        raise SystemExit("the network is somebody else's business")
