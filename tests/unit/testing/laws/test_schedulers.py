"""The laws for scheduler drivers bite."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from tests.unit.testing.laws import biting
from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.placement.scheduler import PlacingScheduler
from volsched.plugins import SchedulerResources
from volsched.testing import PluginConformance, SchedulerConformance


class Sound(PlacingScheduler):
    """Filters, weighs, and takes the best."""

    contract = (1, 0)

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        return self.resources.chooser.place(request, candidates)


class Dreaming(Sound):
    """Names a pool, and takes no room in it."""

    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        pool = self.resources.pools.table().pools[0]
        return SimpleNamespace(chosen=pool, plain=dict)


class Inexpressible(Sound):
    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        decision = super().schedule_create_volume(context, request_spec, filter_properties)
        return SimpleNamespace(chosen=decision.chosen, plain=lambda: {"decision": decision})


class Repeating(Sound):
    """Takes the room anew whenever it is asked."""

    numbers = itertools.count()

    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        other = f"5a1f0c1e-0000-4000-9000-{next(self.numbers) % 50:012d}"
        return super().schedule_create_volume(context, {**request_spec, "volume_id": other}, filter_properties)


class Scribbling(Sound):
    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        filter_properties["retry"] = {"num_attempts": 1}
        return super().schedule_create_volume(context, request_spec, filter_properties)


class Hopeful(Sound):
    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        try:
            return super().schedule_create_volume(context, request_spec, filter_properties)
        except NoValidBackend as problem:
            return problem.decision


class Patient(Sound):
    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        try:
            return super().schedule_create_volume(context, request_spec, filter_properties)
        except InvalidRequest:
            return None


class Generous(Sound):
    """Takes room that is not there."""

    def __init__(self, resources: SchedulerResources) -> None:
        super().__init__(resources)
        resources.claims._check_room = lambda placement: None  # type: ignore[attr-defined]

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        return self.resources.chooser.place(request, candidates.take(candidates.rows[:1]))


class Willing(Sound):
    """Accepts everything in one pool."""

    def backend_passes_filters(self, context: Any, backend: str, request_spec: Any, filter_properties: Any) -> Any:
        return self.always(self.resources.pools.table().pools[1])

    def always(self, pool: PoolState) -> Decision:
        ranked = self.resources.pools.table().candidates()
        return Decision(request=RequestSpec(), ranked=ranked, chosen=pool)


class Restless(Willing):
    """Sends every volume to the first pool."""

    def find_retype_backend(
        self, context: Any, request_spec: Any, filter_properties: Any = None, migration_policy: str = "never"
    ) -> Any:
        return self.always(self.resources.pools.table().pools[0])


class Secretive(Sound):
    def get_pools(self, context: Any, filters: Any = None) -> list[dict[str, Any]]:
        return super().get_pools(context, filters)[1:]


class Silent(Sound):
    def record_failure(self, failure: Any) -> None:
        """Record nothing."""


class Whole(Sound):
    """Wants room for all of a volume that grows."""

    def backend_passes_filters(self, context: Any, backend: str, request_spec: Any, filter_properties: Any) -> Any:
        asked = {**filter_properties, "new_size": None}
        whole = {**request_spec["volume_properties"], "size": filter_properties.get("new_size") or 1}
        return super().backend_passes_filters(context, backend, {**request_spec, "volume_properties": whole}, asked)


class Groupless(Sound):
    def schedule_create_group(self, *args: Any) -> Any:
        raise NoValidBackend("no groups here")


class Wet(Sound):
    """Claims in a dry run."""

    def dry_run(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        decision = super().dry_run(context, request_spec, filter_properties)
        if decision:
            self.schedule_create_volume(context, request_spec, filter_properties)
        return decision


class Unfenced(Sound):
    """Claims whoever holds the work by now."""

    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
        asked = {name: value for name, value in filter_properties.items() if name != "lease"}
        return super().schedule_create_volume(context, request_spec, asked)


class Homely(Sound):
    def get_backup_host(self, volume: Any, availability_zone: Any = None, driver: Any = None) -> str:
        return "here"


class Deaf(Sound):
    def update_service_capabilities(self, *args: Any) -> None:
        """Ignore the report."""


class SchedulerLawsTest(biting.BitingTestCase):
    kit = SchedulerConformance
    beyond = PluginConformance
    sound = Sound
    broken: ClassVar[Mapping[str, type]] = {
        "test_a_volume_is_placed_and_its_room_taken": Dreaming,
        "test_the_decision_can_be_stored": Inexpressible,
        "test_the_same_request_again_takes_no_more_room": Repeating,
        "test_its_inputs_are_unchanged": Scribbling,
        "test_it_works_in_the_real_flow": Silent,
        "test_no_room_is_an_answer": Hopeful,
        "test_nonsense_is_the_callers_mistake": Patient,
        "test_no_room_is_promised_twice": Generous,
        "test_whether_a_backend_will_do": Willing,
        "test_a_volume_may_stay_where_it_is": Restless,
        "test_it_lists_the_pools": Secretive,
        "test_a_volume_moves_for_a_retype_only_if_that_is_allowed": Restless,
        "test_an_extend_needs_room_for_the_growth_alone": Whole,
        "test_a_snapshot_a_move_and_a_managed_volume_need_room": Willing,
        "test_a_group_gets_a_pool": Groupless,
        "test_a_dry_run_claims_nothing": Wet,
        "test_a_claim_is_made_under_the_lease_of_the_work": Unfenced,
        "test_a_backup_host_is_found": Homely,
        "test_a_capability_report_is_stored": Deaf,
    }
