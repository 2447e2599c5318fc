"""`volsched event …`: what was told to the notifiers, what waits for them, and what was given up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, Document, Lister
from volsched.cli.table import moment
from volsched.exceptions import InvalidRequest, NotFound

if TYPE_CHECKING:
    from volsched.db.deliveries import Deliveries, DeliveryRecord

COLUMNS = ("Event", "Type", "Priority", "Volume", "Occurred", "Notifier", "State", "Tries", "Next try", "Problem")
STATES = ("waiting", "parked", "delivered")
MOST = 100

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]


def _listed(record: DeliveryRecord) -> tuple[Any, ...]:
    event = record.event
    return (
        event.id,
        event.event_type,
        event.priority.value,
        event.volume_id,
        moment(event.occurred_at),
        record.notifier,
        record.state,
        record.tries,
        moment(record.next_try_at),
        record.problem,
    )


def _deliveries(application: Any) -> Deliveries:
    from volsched.db.deliveries import Deliveries

    return Deliveries(application.database)


class EventList(Lister):
    """List events and what became of each for each notifier: delivered, waiting, or parked after too many failures."""

    columns = COLUMNS
    rule = "event:list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--state", choices=STATES, help="only those that are in this state")
        parser.add_argument("--notifier", metavar="NAME", help="only those for this notifier")
        parser.add_argument("--volume", metavar="ID", help="only those of this volume")
        parser.add_argument("--limit", type=int, default=MOST, metavar="N", help=f"the last N of them ({MOST})")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        if parsed_args.limit < 1:
            raise InvalidRequest("--limit", f"{parsed_args.limit} is less than 1")
        with self.application() as application:
            found = _deliveries(application).list(
                state=parsed_args.state,
                notifier=parsed_args.notifier,
                volume_id=parsed_args.volume,
                limit=parsed_args.limit,
            )
            return COLUMNS, [_listed(record) for record in found]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no such events" if parsed_args.state else "no events yet"


class EventShow(Document):
    """Show an event as notifiers get it, and what became of it."""

    rule = "event:list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("event", metavar="EVENT", help="its id, as `event list` shows it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        with self.application() as application:
            found = _deliveries(application).list(event_ids=[parsed_args.event])
        if not found:
            raise NotFound("event", parsed_args.event, "volsched event list names the latest")
        document = {
            **found[0].event.plain(),
            "deliveries": [
                {
                    "notifier": record.notifier,
                    "state": record.state,
                    "tries": record.tries,
                    "next_try": moment(record.next_try_at),
                    "problem": record.problem,
                }
                for record in found
            ],
        }
        return tuple(document), tuple(document.values())

    def lines(self, document: Mapping[str, Any]) -> Iterator[str]:
        for name, value in document.items():
            if name not in ("payload", "deliveries"):
                yield f"{name:<15}{value if value is not None else '-'}"
        for one in document["deliveries"]:
            problem = f" ({one['problem']})" if one["problem"] else ""
            yield f"{one['state']:<15}{one['notifier']}, after {one['tries']} failures{problem}"
        yield "payload"
        yield from (f"  {line}" for line in json.dumps(document["payload"], indent=2, ensure_ascii=False).splitlines())


class EventRetry(Lister):
    """Hand parked events to their notifiers again, in their order, and show what became of them.

    They come after events of the same volume that were delivered meanwhile.
    """

    columns = COLUMNS
    rule = "event:retry"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("events", nargs="*", metavar="EVENT", help="ids, as `event list --state parked` shows them")
        parser.add_argument("--all", action="store_true", help="every parked event")
        parser.add_argument("--notifier", metavar="NAME", help="only those that were parked for this notifier")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        if bool(parsed_args.events) == parsed_args.all:
            raise InvalidRequest("event", "name the parked events to try again, or give --all")
        wanted = None if parsed_args.all else list(dict.fromkeys(parsed_args.events))
        with self.application() as application:
            deliveries = _deliveries(application)
            parked = deliveries.list(state="parked", notifier=parsed_args.notifier, event_ids=wanted, limit=1_000_000)
            known = {record.event.id for record in parked}
            missing = [event_id for event_id in wanted or () if event_id not in known]
            if missing:
                raise NotFound(
                    "parked event", missing[0], "volsched event list --state parked names the ones there are"
                )
            deliveries.retry(event_ids=wanted, notifier=parsed_args.notifier)
            while application.delivery.deliver_once():
                continue
            pairs = {(record.event.id, record.notifier) for record in parked}
            after = deliveries.list(event_ids=sorted(known), limit=1_000_000) if known else []
            rows = [_listed(record) for record in after if (record.event.id, record.notifier) in pairs]
        if any(row[COLUMNS.index("State")] != "delivered" for row in rows):
            self.exit_status = ANSWER_IS_NO
        return COLUMNS, rows

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no events are parked"
