"""Extra specs."""

from __future__ import annotations

from typing import Any

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.model.pool import PoolState
from volsched.model.request import Operation
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.filters.capabilities import CapabilitiesFilter

POOL = a_pool(capabilities={"tier": "gold", "level": 5, "flag": True, "nested": {"inner": "v1"}, "none": None})


class CapabilitiesFilterTest(TestCase):
    def reason(self, specs: dict[str, Any] | None, pool: PoolState = POOL, **asked: Any) -> str | None:
        """Why the pool does not pass, None where it does."""
        screening = CapabilitiesFilter().screen(a_request(extra_specs=specs, **asked), a_pool_table(pool).candidates())
        return None if screening.passed[0] else screening.why(0)

    def test_no_type_and_no_specs(self) -> None:
        self.assertIsNone(self.reason(None))
        self.assertIsNone(self.reason({}))

    def test_every_spec_must_hold(self) -> None:
        self.assertIsNone(self.reason({"tier": "gold", "level": ">= 5"}))
        self.assertEqual("level: 5 does not meet '>= 6'", self.reason({"tier": "gold", "level": ">= 6"}))
        self.assertEqual(
            "tier: 'gold' does not meet 'silver'; absent: not reported", self.reason({"tier": "silver", "absent": "x"})
        )

    def test_scopes(self) -> None:
        """F19."""
        for specs, passes in (
            ({"vendor:tier": "silver"}, True), ({"capabilities:tier": "gold"}, True),
            ({"provisioning:type": "thick"}, True),
            ({"capabilities:nested:inner": "v1"}, True), ({"capabilities:tier:sub": "v1"}, False),
            ({"capabilities:": "v1"}, False), ({"capabilities": "v1"}, False), ({"nested:inner": "v2"}, True),
        ):  # fmt: skip
            with self.subTest(specs=specs):
                self.assertEqual(passes, self.reason(specs) is None)

    def test_a_value_that_is_none(self) -> None:
        self.assertIsNone(self.reason({"none": None}))
        self.assertIsNotNone(self.reason({"absent": None}))

    def test_what_cannot_be_compared_turns_away_that_pool_only(self) -> None:
        """F07."""
        pools = a_pool_table(a_pool("a", capabilities={"tier": 5}), a_pool("b", capabilities={"tier": "5"}))
        screening = CapabilitiesFilter().screen(a_request(extra_specs={"tier": "s>= 4"}), pools.candidates())
        self.assertEqual([False, True], screening.passed.tolist())
        self.assertEqual("tier: 5 does not meet 's>= 4'", screening.why(0))

    def test_a_spec_that_is_no_requirement_is_told(self) -> None:
        """F07."""
        for text in ("<or>", 5, True):
            with self.subTest(text=text), self.assertRaises(InvalidRequest) as caught:
                self.reason({"tier": text})
            self.assertEqual("extra_specs[tier]", caught.exception.field)

    def test_protocol_families_and_their_negation(self) -> None:
        """F16: a list passes where any of its items does."""
        pool = a_pool(capabilities={"storage_protocol": ("iSCSI", "iscsi")})
        for text, passes in (("iscsi", True), ("iSCSI", True), ("FC", False), ("s!= iSCSI", True)):
            with self.subTest(text=text):
                self.assertEqual(passes, self.reason({"storage_protocol": text}, pool) is None)

    def test_growing_a_volume_in_use(self) -> None:
        fixed = a_pool(capabilities={"online_extend_support": False})
        for pool, status, passes in (
            (fixed, "attached", False), (fixed, None, False), (fixed, "detached", True), (POOL, "attached", True),
            (a_pool(capabilities={"online_extend_support": None}), "attached", True),
        ):  # fmt: skip
            with self.subTest(status=status, pool=pool):
                reason = self.reason(None, pool, operation=Operation.EXTEND, attach_status=status)
                self.assertEqual(None if passes else "cannot extend a volume that is attached", reason)
        self.assertIsNone(self.reason(None, fixed, attach_status="attached"))

    def test_a_value_is_judged_once_however_many_pools_have_it(self) -> None:
        pools = a_pool_table(*(a_pool(f"p{n}", capabilities={"tier": ("gold", "silver")[n % 2]}) for n in range(100)))
        self.assertEqual(2, len(pools.coded(_tier()).values))
        screening = CapabilitiesFilter().screen(a_request(extra_specs={"tier": "gold"}), pools.candidates())
        self.assertEqual([True, False] * 50, screening.passed.tolist())


def _tier() -> Any:
    from volsched.model.columns import capability

    return capability("tier")
