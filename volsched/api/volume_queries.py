"""Volumes that exist: their fields, messages and decisions, and waiting for the work on them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from volsched.api.resources import ApiService, Progress, identifier
from volsched.db.records import MessageRecord
from volsched.exceptions import NotFound, VolumeNotFound
from volsched.model.volume import Volume
from volsched.model.work import SCHEDULER_QUEUE

#: The fields of a decision that its volume's owner may see.
OWNER_FIELDS = ("volume_id", "outcome", "made_at", "operation", "size_gb", "wanted_gb", "volume_type")


class VolumeQueries(ApiService):
    """The part of the volumes' API that changes nothing."""

    def get(self, volume: Volume | str) -> Volume:
        """Return the volume as it is now. Raises InvalidRequest if several volumes have the name."""
        return self._shown(self._find("volume:get", volume))

    def list(self, *, all_projects: bool = False) -> Sequence[Volume]:
        """Return the project's volumes, oldest first; operators may list those of all projects."""
        project_id = self._listed_project("volume", all_projects=all_projects)
        return [self._shown(volume) for volume in self._db.volumes.list(project_id)]

    def messages(self, volume: Volume | str) -> Sequence[MessageRecord]:
        """Return the messages to the volume's owner, oldest first; by its id also for a deleted volume or a group."""
        volume_id = self._find_id("volume:messages", volume)
        return self._db.messages.of(volume_id, self._visible_project("volume"))

    def explain(self, volume: Volume | str) -> Mapping[str, Any]:
        """Return the last decision about the volume, as `Decision.plain()`; by its id also for a deleted volume.

        Callers without operator rights get the outcome and the exceeded limits, without pool names or figures.
        """
        volume_id = self._find_id("volume:explain", volume)
        found = self._db.decisions.latest(volume_id)
        if found is None:
            raise NotFound("decision", volume_id, "no scheduling decision about this volume is stored")
        decision = {
            "volume_id": volume_id,
            "outcome": found.outcome,
            "made_at": found.made_at.isoformat(),
            **found.document,
        }
        return decision if self._authorizer.is_operator(self._context) else owner_explanation(decision)

    def failure(self, volume: Volume | str) -> str | None:
        """Return why the last request about the volume failed: its last message, and for operators the reason.

        None if there is no message.
        """
        volume_id = self._find_id("volume:messages", volume)
        messages = self._db.messages.of(volume_id, self._visible_project("volume"))
        if not messages:
            return None
        message = messages[-1].text
        reason = self._operator_reason(volume_id) if self._authorizer.is_operator(self._context) else None
        return f"{message}{'' if message.endswith('.') else '.'} {reason}" if reason else message

    def wait(
        self, volume: Volume | str, *, timeout: float | None = None, progress: Progress | None = None
    ) -> Volume | None:
        """Return the volume when no work on it is left; None if it is gone.

        Without a message bus, this call carries out the work. `progress` is called with the volume from time to time.
        Raises TimeoutError after `timeout` seconds: the request is kept, and can be waited for again.
        """
        volume_id = volume.id if isinstance(volume, Volume) else self._find("volume:get", volume).id
        found = self._resources.request_worker.wait(
            lambda: self._db.volumes.get(volume_id), timeout=timeout, progress=progress
        )
        return None if found is None else self._shown(found)

    def _shown(self, volume: Volume) -> Volume:
        return self._authorizer.volume(self._context, volume)

    def _find(self, rule: str, volume: Volume | str) -> Volume:
        """Return the stored volume. One of another project raises VolumeNotFound, not NotAuthorized."""
        found = self._db.volumes.find(identifier(volume), self._visible_project("volume"))
        return self._authorizer.checked(self._context, rule, found)

    def _find_id(self, rule: str, volume: Volume | str) -> str:
        """Return the id of a volume or group; of a deleted one, the given id.

        A deleted volume exists for a project that has messages about it.
        """
        name_or_id = identifier(volume)
        try:
            given = str(uuid.UUID(name_or_id))
        except ValueError:
            return self._find(rule, volume).id
        project_id = self._visible_project("volume")
        try:
            self._check(rule, self._db.volumes.find(given, project_id))
        except NotFound:
            self._check(rule)
            if project_id is not None and not self._belonged_to(project_id, given):
                raise VolumeNotFound(name_or_id) from None
        return given

    def _belonged_to(self, project_id: str, volume_id: str) -> bool:
        if self._db.messages.of(volume_id, project_id):
            return True
        try:
            return self._db.groups.find(volume_id, project_id).id == volume_id
        except NotFound:
            return False

    def _operator_reason(self, volume_id: str) -> str | None:
        """Return the reason of the last work that failed, or of the last decision that refused the request."""
        failed = [record for record in self._resources.work.of(volume_id) if record.problem]
        if failed:
            source = "scheduler" if failed[-1].queue == SCHEDULER_QUEUE else "storage"
            return f"Reason from the {source}: {failed[-1].problem}"
        decision = self._db.decisions.latest(volume_id)
        if decision is None or decision.document.get("chosen"):
            return None
        return f"Reason from the scheduler: {decision.document.get('reason')}"


def owner_explanation(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a decision that the volume's owner may see: the outcome and the exceeded limits."""
    placed = bool(decision.get("chosen"))
    limits = [] if placed else [step["filter"] for step in decision.get("filters") or () if step["rejected_count"]]
    size = f"{decision.get('wanted_gb') or 0:.12g} GiB"
    if placed:
        message = f"a pool for {size} was found"
    elif decision.get("failed"):
        message = "the scheduler's own configuration failed; the operator has been notified"
    else:
        message = f"no pool for {size}" + (f": rejected by {', '.join(limits)}" if limits else "")
    return {**{name: decision.get(name) for name in OWNER_FIELDS}, "limits": limits, "message": message}
