"""`volsched backend …`: storage backends and their state; `volsched backup place`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from volsched.cli.command import Fields, Lister, Rows, ShowOne
from volsched.cli.table import moment
from volsched.exceptions import ServiceNotFound

if TYPE_CHECKING:
    from volsched.api.api import Api
    from volsched.db.backends import BackendRecord

LISTED = ("Backend", "Zone", "State", "Enabled", "Pools", "Problems", "Last report")
SHOWN = (
    "Backend",
    "Host",
    "Cluster",
    "Zone",
    "State",
    "Enabled",
    "Disabled because",
    "Frozen",
    "Pools",
    "Problems",
    "Last report",
    "Last heartbeat",
)


def _state(backend: BackendRecord) -> str:
    return "up" if backend.up else "down"


def _listed(backend: BackendRecord) -> tuple[Any, ...]:
    return (
        backend.backend_id,
        backend.zone,
        _state(backend),
        not backend.disabled,
        sum(pool.present for pool in backend.pools),
        len(backend.problems),
        moment(backend.reported_at),
    )


def _shown(backend: BackendRecord) -> Fields:
    return SHOWN, (
        backend.backend_id,
        backend.host,
        backend.cluster_name,
        backend.zone,
        _state(backend),
        not backend.disabled,
        backend.disabled_reason,
        backend.frozen,
        [pool.name for pool in backend.pools if pool.present],
        [f"{subject}: {problem}" for subject, problem in backend.problems],
        moment(backend.reported_at),
        moment(backend.heartbeat_at),
    )


class BackendList(Lister):
    """List storage backends: whether they are up and accept volumes."""

    columns = LISTED
    operation = "backends.list"

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            return LISTED, [_listed(backend) for backend in api.backends.list()]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no backends yet; [agent] backends in the configuration selects them"


class _OneBackend(ShowOne):
    """A command that shows one backend after calling its operation."""

    columns = SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("backend", metavar="BACKEND", help="host@backend, as `backend list` shows it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            return _shown(self.call(api, parsed_args))

    def call(self, api: Api, parsed_args: argparse.Namespace) -> BackendRecord:
        method = getattr(api.backends, self.operation.partition(".")[2])
        backend: BackendRecord = method(parsed_args.backend)
        return backend


class BackendShow(_OneBackend):
    """Show a storage backend, and the values of its last report that could not be used."""

    operation = "backends.get"


class BackendDisable(_OneBackend):
    """Place no more volumes on a storage backend. Its volumes stay and can be changed."""

    operation = "backends.disable"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--reason", metavar="TEXT", help="the reason, shown to other operators")
        return parser

    def call(self, api: Api, parsed_args: argparse.Namespace) -> BackendRecord:
        return api.backends.disable(parsed_args.backend, reason=parsed_args.reason)


class BackendEnable(_OneBackend):
    """Place volumes on a disabled storage backend again."""

    operation = "backends.enable"


class BackendFreeze(_OneBackend):
    """Place no more volumes on a storage backend, and refuse changes and deletions of those that it has."""

    operation = "backends.freeze"


class BackendUnfreeze(_OneBackend):
    """Accept requests for a frozen storage backend again."""

    operation = "backends.unfreeze"


class BackupPlace(ShowOne):
    """Show the host whose backup service would take a backup now; nothing is stored.

    Among several services, the volume determines which one. The exit status is 1 if there is none.
    """

    columns = ("Host", "Volume", "Zone", "Driver")
    operation = "volumes.backup_host"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--volume", metavar="ID", help="the volume to back up; its zone counts, unless --zone")
        parser.add_argument("--zone", metavar="ZONE", help="the availability zone of the service")
        parser.add_argument("--driver", metavar="NAME", help="the driver that the service must report")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        given = {"volume": parsed_args.volume, "zone": parsed_args.zone, "driver": parsed_args.driver}
        with self.api() as api:
            try:
                host = api.volumes.backup_host(**given)
            except ServiceNotFound as problem:
                self.fail(str(problem))
                return (), ()
        return self.columns, (host, *given.values())
