"""Looking at volumes: what there is, what was told about one, and why it is where it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from volsched.api import explanation
from volsched.api.authorization import Authorizer
from volsched.db.decisions import Decisions
from volsched.db.groups import Groups
from volsched.db.messages import MessageRecord, Messages
from volsched.db.quotas import Quotas
from volsched.db.snapshots import Snapshots
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Volumes
from volsched.exceptions import NotFound, VolumeNotFound
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.model.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDatabase:
    """The stores that the API side needs, in one place; the flows' `db_api`."""

    volumes: Volumes
    types: VolumeTypes
    quotas: Quotas
    messages: Messages
    decisions: Decisions
    snapshots: Snapshots
    groups: Groups


class Looking:
    """The part of the API side that only reads. Each call raises NotAuthorized where the policy does not allow it.

    Another project's volume is not there. What is the operator's (where a volume is, pools in decisions) is shown to
    those only that may see it.
    """

    def __init__(self, db: VolumeDatabase, authorizer: Authorizer, observer: Observer = NO_OBSERVER) -> None:
        self._db = db
        self._authority = authorizer
        self.observer = observer

    def get(self, context: Any, name_or_id: str) -> Volume:
        """Raises VolumeNotFound, and InvalidRequest where several volumes have the name."""
        return self.shown(context, self._found(context, "volume:get", name_or_id))

    def shown(self, context: Any, volume: Volume) -> Volume:
        """A volume as who asks may see it."""
        return self._authority.volume(context, volume)

    def list(self, context: Any, *, all_projects: bool = False) -> Sequence[Volume]:
        """The project's volumes, oldest first; an admin may ask for everybody's."""
        found = self._db.volumes.list(self._authority.lists(context, "volume", all_projects=all_projects))
        return [self.shown(context, volume) for volume in found]

    def messages(self, context: Any, name_or_id: str) -> Sequence[MessageRecord]:
        """What the volume's owner was told, oldest first; also of a volume that is gone, by its id."""
        return self._db.messages.of(
            self._id_of(context, "volume:messages", name_or_id), self._authority.sees(context, "volume")
        )

    def explain(self, context: Any, name_or_id: str) -> Mapping[str, Any]:
        """The last decision about the volume, as `Decision.plain()`; also of a volume that is gone, by its id.

        Who may not see what is the operator's reads the outcome, the limits that were hit, and that in a sentence.
        """
        volume_id = self._id_of(context, "volume:explain", name_or_id)
        found = self._db.decisions.latest(volume_id)
        if found is None:
            raise NotFound("decision", volume_id, "nothing was decided about this volume yet")
        decision = {
            "volume_id": volume_id,
            "outcome": found.outcome,
            "made_at": found.made_at.isoformat(),
            **found.document,
        }
        return decision if self._authority.detailed(context) else explanation.for_owner(decision)

    def _found(self, context: Any, rule: str, name_or_id: str) -> Volume:
        """The volume as its row is. Another project's is not there: VolumeNotFound, not NotAuthorized."""
        volume = self._db.volumes.find(name_or_id, self._authority.sees(context, "volume"))
        return self._authority.checked(context, rule, volume)

    def _id_of(self, context: Any, rule: str, name_or_id: str) -> str:
        """The id of a volume (or group) that is there, or the one that was given, for those that are gone.

        What is gone is the project's that was told of it.
        """
        try:
            given = str(uuid.UUID(name_or_id))
        except ValueError:
            return self._found(context, rule, name_or_id).id
        sees = self._authority.sees(context, "volume")
        try:
            self._authority.check(context, rule, self._db.volumes.find(given, sees))
        except NotFound:
            self._authority.check(context, rule)
            if sees is not None and not self._is_of(given, sees):
                raise VolumeNotFound(name_or_id) from None
        return given

    def _is_of(self, gone: str, project_id: str) -> bool:
        if self._db.messages.of(gone, project_id):
            return True
        try:
            return self._db.groups.find(gone, project_id).id == gone
        except NotFound:
            return False
