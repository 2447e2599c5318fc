"""Putting things right after a crash: what a dead process held is taken up again, and nothing is lost."""

from __future__ import annotations

import logging

from volsched.db.leases import is_dead
from volsched.db.outbox import Outbox
from volsched.db.work import WorkQueue

LOG = logging.getLogger(__name__)


def release_the_dead(work: WorkQueue) -> int:
    """Expire the leases of processes of this host that are gone; returns how many pieces of work are free again.

    Leases of other hosts expire by themselves.
    """
    freed = 0
    for owner in work.owners():
        if is_dead(owner):
            count = work.expire(owner)
            LOG.warning("%s is gone; its unfinished work is taken up again (%d)", owner, count)
            freed += count
    return freed


def release_events(outbox: Outbox) -> int:
    """Give free the events that such processes were about to deliver; returns how many. They may come twice."""
    freed = 0
    for owner in outbox.holders():
        if is_dead(owner):
            count = outbox.let_go(owner)
            LOG.warning("%s is gone; %d events that it was about to deliver are delivered by others", owner, count)
            freed += count
    return freed
