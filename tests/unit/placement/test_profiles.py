"""Tests of profiles: whose filters and weighers place a volume."""

from __future__ import annotations

from tests import TestCase
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.request import RequestSpec
from volsched.placement.pipeline import Placing
from volsched.placement.profiles import Profile, Profiles
from volsched.plugins import PoolFilter
from volsched.testing.builders import a_pool, a_pool_table, a_request, a_volume_type
from volsched_drivers.weight_handlers.ordered import OrderedWeightHandler


class Only(PoolFilter):
    """Lets one pool pass."""

    contract = (1, 0)
    needs = frozenset({"volume_counts"})

    def __init__(self, name: str) -> None:
        self.name = name

    def rejects(self, request: RequestSpec, pool: object) -> str | None:
        return None if getattr(pool, "name", "") == self.name else "not the one"


def only(name: str) -> Placing:
    return Placing([(f"only_{name}", Only(name))], [], OrderedWeightHandler())


class TestProfiles(TestCase):
    def setUp(self) -> None:
        self.pools: Candidates = a_pool_table(*(a_pool(name) for name in ("a", "b", "c"))).candidates()
        self.chooser = Profiles(
            only("a"),
            [
                Profile(name="fast", types=("gold", "type-platinum"), chooser=only("b")),
                Profile(name="slow", types=("iron",), chooser=only("c")),
            ],
        )

    def placed(self, type_name: str | None) -> tuple[str, str | None]:
        volume_type = a_volume_type(type_name) if type_name else None
        decision = self.chooser.place(a_request(volume_type=volume_type), self.pools)
        self.assertEqual(decision.profile, decision.plain()["profile"])
        return decision.ranked[0].name, decision.profile

    def test_the_type_says_which(self) -> None:
        self.assertEqual(("b", "fast"), self.placed("gold"))
        self.assertEqual(("b", "fast"), self.placed("platinum"), "named by its id")
        self.assertEqual(("c", "slow"), self.placed("iron"))

    def test_all_others_have_everybodys(self) -> None:
        self.assertEqual(("a", None), self.placed("tin"))
        self.assertEqual(("a", None), self.placed(None))

    def test_screening_goes_the_same_way(self) -> None:
        decision: Decision = self.chooser.screen(a_request(volume_type=a_volume_type("iron")), self.pools)
        self.assertEqual((["c"], "slow"), ([pool.name for pool in decision.ranked], decision.profile))
        self.assertEqual(["a"], [pool.name for pool in self.chooser.screen(a_request(), self.pools).ranked])

    def test_what_any_of_them_needs_is_fetched(self) -> None:
        everybodys = Placing([], [], OrderedWeightHandler())
        profile = Profile(name="fast", types=("gold",), chooser=only("b"))
        self.assertEqual({"volume_counts"}, Profiles(everybodys, [profile]).needs)
