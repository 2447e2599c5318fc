"""`volsched event …`: events and their delivery to notifiers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from volsched.cli.command import FAILED, Document, Fields, Lister, Rows
from volsched.cli.table import moment
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.db.outbox import DeliveryRecord

COLUMNS = ("Event", "Type", "Priority", "Volume", "Occurred", "Notifier", "State", "Tries", "Next try", "Problem")
STATES = ("waiting", "parked", "delivered")
DEFAULT_LIMIT = 100


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


class EventList(Lister):
    """List events and their delivery to each notifier: delivered, waiting, or parked after too many failures."""

    columns = COLUMNS
    operation = "events.list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--state", choices=STATES, help="list only deliveries in this state")
        parser.add_argument("--notifier", metavar="NAME", help="list only deliveries to this notifier")
        parser.add_argument("--volume", metavar="ID", help="list only events of this volume")
        parser.add_argument(
            "--limit", type=int, default=DEFAULT_LIMIT, metavar="N", help=f"list the last N (default: {DEFAULT_LIMIT})"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            found = api.events.list(
                state=parsed_args.state,
                notifier=parsed_args.notifier,
                volume_id=parsed_args.volume,
                limit=parsed_args.limit,
            )
        return COLUMNS, [_listed(record) for record in found]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no such events" if parsed_args.state else "no events yet"


class EventShow(Document):
    """Show an event as notifiers receive it, and its deliveries."""

    operation = "events.get"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("event", metavar="EVENT", help="its id, as `event list` shows it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            found = api.events.get(parsed_args.event)
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
        for delivery in document["deliveries"]:
            problem = f" ({delivery['problem']})" if delivery["problem"] else ""
            yield f"{delivery['state']:<15}{delivery['notifier']}, after {delivery['tries']} failures{problem}"
        yield "payload"
        yield from (f"  {line}" for line in json.dumps(document["payload"], indent=2, ensure_ascii=False).splitlines())


class EventRetry(Lister):
    """Deliver parked events again, in their order, and show the result.

    They are delivered after events of the same volume that were delivered meanwhile. The exit status is 1 if one was
    not delivered.
    """

    columns = COLUMNS
    operation = "events.retry"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("events", nargs="*", metavar="EVENT", help="ids, as `event list --state parked` shows them")
        parser.add_argument("--all", action="store_true", help="retry every parked event")
        parser.add_argument("--notifier", metavar="NAME", help="retry only deliveries to this notifier")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        if bool(parsed_args.events) == parsed_args.all:
            raise InvalidRequest("event", "expected ids of parked events, or --all")
        with self.api() as api:
            found = api.events.retry(None if parsed_args.all else parsed_args.events, notifier=parsed_args.notifier)
        if any(record.state != "delivered" for record in found):
            self.exit_status = FAILED
        return COLUMNS, [_listed(record) for record in found]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no events are parked"
