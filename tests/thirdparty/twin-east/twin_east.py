"""Spreads volumes in a way of its own."""

from volsched.plugins import PoolFilter


class SpreadFilter(PoolFilter):
    """Rejects nothing."""

    contract = (1, 0)

    def rejects(self, request, pool):
        return None
