"""Storage backends: their state, and what operators decide about them."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.api.resources import ApiService
from volsched.db.backends import BackendRecord


class BackendService(ApiService):
    """Backends, named host@backend (or cluster@backend). Each method raises BackendNotFound for an unknown one."""

    def get(self, backend_id: str) -> BackendRecord:
        """Return a backend with its pools, and the values of its last report that could not be used."""
        self._check("backend:list")
        self._resources.request_worker.prepare()
        return self._resources.backends.show(backend_id)

    def list(self) -> Sequence[BackendRecord]:
        """Return all backends, by id, each with its pools."""
        self._check("backend:list")
        self._resources.request_worker.prepare()
        return self._resources.backends.list()

    def disable(self, backend_id: str, *, reason: str | None = None) -> BackendRecord:
        """Place no more volumes on a backend. Its volumes stay and can be changed."""
        return self._set_disabled(backend_id, True, reason)

    def enable(self, backend_id: str) -> BackendRecord:
        """Place volumes on a disabled backend again."""
        return self._set_disabled(backend_id, False, None)

    def freeze(self, backend_id: str) -> BackendRecord:
        """Place no more volumes on a backend, and refuse changes and deletions of those that it has."""
        return self._set_frozen(backend_id, True)

    def unfreeze(self, backend_id: str) -> BackendRecord:
        """Accept requests for a frozen backend again."""
        return self._set_frozen(backend_id, False)

    def _set_disabled(self, backend_id: str, disabled: bool, reason: str | None) -> BackendRecord:
        self._check("backend:set")
        self._resources.backends.set_disabled(backend_id, disabled, reason)
        return self._resources.backends.show(backend_id)

    def _set_frozen(self, backend_id: str, frozen: bool) -> BackendRecord:
        self._check("backend:set")
        self._resources.backends.set_frozen(backend_id, frozen)
        return self._resources.backends.show(backend_id)
