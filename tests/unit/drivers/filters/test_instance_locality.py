"""The same machine as an instance."""

from __future__ import annotations

from tests import TestCase
from volsched.exceptions import InstanceNotLocated, InvalidRequest, PluginError
from volsched.model.request import Facts
from volsched.plugins import INSTANCE_HOST
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.filters.instance_locality import InstanceLocalityFilter

INSTANCE = "3079f9f9-4e5f-401e-ae94-997d670f1d7d"
POOLS = a_pool_table(
    a_pool("a", backend="node1@disk"), a_pool("b", backend="node2@disk"), a_pool("c", backend="node1@ssd")
)


class InstanceLocalityFilterTest(TestCase):
    def test_pools_of_the_instances_machine_pass(self) -> None:
        request = a_request(hints={"local_to_instance": INSTANCE}, facts=Facts(instance_host="node1"))
        screening = InstanceLocalityFilter().screen(request, POOLS.candidates())
        self.assertEqual([True, False, True], screening.passed.tolist())
        self.assertEqual("the instance runs on node1, the pool is on node2", screening.why(1))
        self.assertEqual({INSTANCE_HOST}, InstanceLocalityFilter.needs)

    def test_no_hint(self) -> None:
        for hints in ({}, {"local_to_instance": ""}, {"local_to_instance": None}):
            screening = InstanceLocalityFilter().screen(a_request(hints=hints), POOLS.candidates())
            self.assertTrue(screening.passed.all())

    def test_what_is_no_instance(self) -> None:
        with self.assertRaises(InvalidRequest) as caught:
            InstanceLocalityFilter().screen(a_request(hints={"local_to_instance": "bad-uuid"}), POOLS.candidates())
        self.assertEqual("scheduler_hints.local_to_instance", caught.exception.field)

    def test_trouble_with_the_compute_service_ends_the_request_and_is_told(self) -> None:
        """F13."""
        problem = InstanceNotLocated(INSTANCE, "timeout", "no answer in time")
        request = a_request(hints={"local_to_instance": INSTANCE}, facts=Facts(instance_problem=problem))
        with self.assertRaises(InstanceNotLocated):
            InstanceLocalityFilter().screen(request, POOLS.candidates())
        nothing = a_pool_table().candidates()
        self.assertEqual(0, len(InstanceLocalityFilter().screen(request, nothing).passed))

    def test_a_fact_that_nobody_fetched(self) -> None:
        with self.assertRaises(PluginError):
            InstanceLocalityFilter().screen(a_request(hints={"local_to_instance": INSTANCE}), POOLS.candidates())
