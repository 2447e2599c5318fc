"""Uses what the next contract brings."""

from volsched.plugins import PoolFilter


class TomorrowFilter(PoolFilter):
    """Rejects nothing, in tomorrow's words."""

    contract = (9, 0)

    def rejects(self, request, pool):
        return None
