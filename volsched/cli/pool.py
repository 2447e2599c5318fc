"""`volsched pool …`: where volumes are placed, and how much room is left there."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from volsched.cli import bars
from volsched.cli.command import Lister, ShowOne
from volsched.cli.table import moment

if TYPE_CHECKING:
    from volsched.db.backends import Cordon, PoolRecord
    from volsched.service.application import Application

LISTED = ("Pool", "Zone", "Kind", "State", "Total GiB", "Limit GiB", "Room GiB", "Claimed GiB", "Taken %")
SHOWN = (
    "Pool",
    "Backend",
    "Zone",
    "Kind",
    "State",
    "Total GiB",
    "Free GiB",
    "Provisioned GiB",
    "Reserved %",
    "Over-subscription",
    "Limit GiB",
    "Room GiB",
    "Claimed GiB",
    "Taken %",
    "Cordons",
    "Capabilities",
    "Last report",
)
BAR = "Taken"
BAR_WIDTH = 16

Fields = tuple[Sequence[str], Sequence[Any]]


def all_pools(application: Application) -> list[PoolRecord]:
    """Every pool, by id, in the zone that its backend is in now."""
    backends = application.backends.list()
    return [replace(pool, zone=backend.zone) for backend in backends for pool in backend.pools]


def limit_gb(pool: PoolRecord) -> float | None:
    """The most that may be promised in the pool; None: unbounded, or not known."""
    if pool.total_gb is None or pool.free_gb is None:
        return None
    ratio = pool.max_over_subscription_ratio or 1.0
    from volsched.model import capacity  # here, for `volsched --help` reads this module and NumPy is slow

    return float(capacity.total_available_gb(pool.total_gb, pool.reserved_percentage or 0.0, ratio, pool.thin))


def room_gb(pool: PoolRecord) -> float | None:
    """The largest volume that fits now; None: unbounded, or not known."""
    room = pool.room_thin_gb if pool.thin else pool.room_thick_gb
    return None if room is None else round(max(room - pool.pending_gb, 0.0), 2)


def taken_gb(pool: PoolRecord) -> float | None:
    """How much of the limit is gone."""
    limit, room = limit_gb(pool), room_gb(pool)
    return None if limit is None or room is None else round(limit - room, 2)


def _taken_percent(pool: PoolRecord) -> float | None:
    limit, taken = limit_gb(pool), taken_gb(pool)
    return round(100 * taken / limit, 1) if limit and taken is not None else None


def state(pool: PoolRecord) -> str:
    """Whether volumes may come here, in words."""
    if not pool.present:
        return "not reported"
    now = datetime.now(UTC).replace(tzinfo=None)
    closed = [cordon.operation.value for cordon in pool.cordons if cordon.holds(now)]
    return f"closed for {', '.join(closed)}" if closed else "open"


def _cordon(cordon: Cordon) -> str:
    reason = f": {cordon.reason}" if cordon.reason else ""
    until = f" (until {moment(cordon.until)})" if cordon.until is not None else ""
    return f"{cordon.operation.value}{reason}{until}"


def fields(pool: PoolRecord) -> dict[str, Any]:
    """Everything about a pool, by the name of its column."""
    return {
        "Pool": pool.pool_id,
        "Backend": pool.backend_id,
        "Zone": pool.zone,
        "Kind": "thin" if pool.thin else "thick",
        "State": state(pool),
        "Total GiB": pool.total_gb,
        "Free GiB": pool.free_gb,
        "Provisioned GiB": pool.provisioned_gb,
        "Reserved %": pool.reserved_percentage,
        "Over-subscription": pool.max_over_subscription_ratio if pool.thin else None,
        "Limit GiB": limit_gb(pool),
        "Room GiB": room_gb(pool),
        "Claimed GiB": round(pool.pending_gb, 2),
        "Taken %": _taken_percent(pool),
        "Cordons": [_cordon(cordon) for cordon in pool.cordons],
        "Last report": moment(pool.reported_at),
    }


class PoolList(Lister):
    """List pools, with how much room is left in each.

    Limit: how much may be promised there. Room: the largest volume that fits now. Claimed: room taken since the pool's
    last report.
    """

    columns = LISTED
    rule = "pool:list"

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        with self.working() as application:
            known = [fields(pool) for pool in all_pools(application)]
        rows = [tuple(of[name] for name in LISTED) for of in known]
        if parsed_args.formatter != "table" or parsed_args.columns:
            return LISTED, rows
        marks = bars.marks_for(self.app.stdout)
        drawn = [bars.bar(of["Taken %"] or 0.0, 100.0, marks, width=BAR_WIDTH) for of in known]
        return (*LISTED, BAR), [(*row, bar) for row, bar in zip(rows, drawn, strict=True)]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no pools yet: no backend has reported"


class OfOnePool(ShowOne):
    """A command about one pool."""

    columns = SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("pool", metavar="POOL", help="host@backend#pool, as `pool list` names it")
        return parser

    def shown(self, application: Application, pool_id: str) -> Fields:
        """The pool as `pool show` tells it. Raises PoolNotFound."""
        pool = application.backends.pool(pool_id)
        zone = application.backends.show(pool.backend_id).zone
        snapshot = application.pools.table()
        row = snapshot.row(pool.pool_id)
        capabilities = dict(snapshot.pools[row].capabilities) if row is not None else {}
        known = {**fields(replace(pool, zone=zone)), "Capabilities": capabilities}
        return SHOWN, tuple(known[name] for name in SHOWN)


class PoolShow(OfOnePool):
    """Show a pool, and what it can do."""

    rule = "pool:list"

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            return self.shown(application, parsed_args.pool)
