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
    def backend_passes_filters(self, context: Any, backend: str, request_spec: Any, filter_properties: Any) -> Any:
        return self.resources.pools.table().pools[1]


class Restless(Sound):
    def find_retype_backend(
        self, context: Any, request_spec: Any, filter_properties: Any = None, migration_policy: str = "never"
    ) -> Any:
        return self.resources.pools.table().pools[0]


class Secretive(Sound):
    def get_pools(self, context: Any, filters: Any = None) -> list[dict[str, Any]]:
        return super().get_pools(context, filters)[1:]


class Silent(Sound):
    def record_failure(self, **failure: Any) -> None:
        """Tells nobody."""


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
    }
