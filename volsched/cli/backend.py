"""`volsched backend …`: the storage systems, whether they are up, and which of them take volumes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import Lister, ShowOne
from volsched.cli.table import moment

if TYPE_CHECKING:
    from volsched.db.backends import BackendRecord
    from volsched.service.application import Application

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
    "Last heard of",
)

Fields = tuple[Sequence[str], Sequence[Any]]


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


def _shown(application: Application, backend_id: str) -> Fields:
    backend = application.backends.show(backend_id)
    values = (
        backend.backend_id,
        backend.host,
        backend.cluster_name,
        backend.zone,
        _state(backend),
        not backend.disabled,
        backend.disabled_reason,
        backend.frozen,
        [pool.name for pool in backend.pools if pool.present],
        [f"{what}: {why}" for what, why in backend.problems],
        moment(backend.reported_at),
        moment(backend.heartbeat_at),
    )
    return SHOWN, values


class _OfOne(ShowOne):
    """A command about one backend."""

    columns = SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("backend", metavar="BACKEND", help="host@backend, as `backend list` names it")
        return parser


class BackendList(Lister):
    """List storage backends: which are up, which take volumes."""

    columns = LISTED
    rule = "backend:list"

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        with self.working() as application:
            return LISTED, [_listed(backend) for backend in application.backends.list()]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no backends yet; [agent] backends in the configuration names them"


class BackendShow(_OfOne):
    """Show a storage backend, and what of its report could not be used."""

    rule = "backend:list"

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            return _shown(application, parsed_args.backend)


class BackendDisable(_OfOne):
    """Let a storage backend take no more volumes. Those it has stay."""

    rule = "backend:set"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--reason", metavar="TEXT", help="why, for whoever looks later")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            application.backends.set_disabled(parsed_args.backend, True, parsed_args.reason)
            return _shown(application, parsed_args.backend)


class BackendFreeze(_OfOne):
    """Let a storage backend be as it is: no volumes come to it, and none that it has is changed or deleted."""

    rule = "backend:set"

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            application.backends.set_frozen(parsed_args.backend, True)
            return _shown(application, parsed_args.backend)


class BackendUnfreeze(_OfOne):
    """Let a storage backend be worked on again."""

    rule = "backend:set"

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            application.backends.set_frozen(parsed_args.backend, False)
            return _shown(application, parsed_args.backend)


class BackendEnable(_OfOne):
    """Let a storage backend take volumes again."""

    rule = "backend:set"

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            application.backends.set_disabled(parsed_args.backend, False, None)
            return _shown(application, parsed_args.backend)
