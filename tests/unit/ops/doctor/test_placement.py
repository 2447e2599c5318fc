"""Tests of the checks of placing: types, profiles, filters and weighers beside the pools that there are."""

from __future__ import annotations

from tests.unit.ops.doctor.world import World


class TestTypes(World):
    def test_one_that_no_pool_serves(self) -> None:
        database = self.database()
        self.report(database, {"media": "ssd", "tier": "1"}, {"media": "hdd", "tier": "2"})
        self.type(database, "fine", media="ssd")
        self.type(database, "neither", media="ssd", tier="2")
        found = self.diagnosed()
        self.assertEqual([("VS207", "volume type neither")], self.codes(found["VS207"]))
        self.assertNotIn("VS118", found, "each extra spec by itself is met")
        self.assertIn("capabilities rejected 2", found["VS207"][0].what)

    def test_an_expression_that_reads_the_volume_serves_its_type(self) -> None:
        database = self.database()
        self.report(database, {"filter_function": "volume.size < 10 and volume.attach_status == 'detached'"})
        self.type(database, "gold")
        self.assertNotIn("VS207", self.diagnosed("[scheduler]\nfilters = driver\n"))

    def test_profiles_have_their_own_filters(self) -> None:
        database = self.database()
        self.report(database, {"media": "hdd"}, {})
        self.type(database, "gold", media="ssd")
        found = self.diagnosed("[scheduler]\nprofiles = lax\n[profile_lax]\ntypes = gold, silver\nfilters = capacity\n")
        self.assertNotIn("VS207", found, "nobody looks at its extra specs")
        (problem,) = found["VS128"]
        self.assertIn("there is no volume type 'silver'", problem.what)
        self.assertRegex(problem.where, r"\[profile_lax\] types \(.*volsched.conf:6\)")


class TestIdle(World):
    settings = (
        "[scheduler]\nfilters = availability_zone, ignore_attempted_hosts, capacity, capabilities, driver, json, "
        "same_backend, different_backend, instance_locality\nweighers = capacity, goodness\n"
    )

    def test_a_filter_that_has_nothing_to_look_at(self) -> None:
        database = self.database()
        self.report(database, {}, {})
        self.assertEqual(["VS205"], list(self.diagnosed()))
        (problem,) = self.diagnosed()["VS205"]
        self.assertRegex(problem.where, r"\[scheduler\] filters \(.*volsched.conf:4\)")
        self.assertRegex(problem.what, "^driver rejects none of the 2 pools")
        self.report(database, {"filter_function": "volume.size < 10"}, {})
        self.assertNotIn("VS205", self.diagnosed())

    def test_a_weigher_that_has_nothing_to_look_at(self) -> None:
        database = self.database()
        used = {"free_capacity_gb": 40, "allocated_capacity_gb": 60}
        self.report(database, used, {})
        (problem,) = self.diagnosed()["VS206"]
        self.assertIn("goodness gives all pools the same weight", problem.what)
        self.report(database, {**used, "goodness_function": "100"}, {})
        self.assertNotIn("VS206", self.diagnosed())

    def test_a_weigher_that_others_outweigh(self) -> None:
        database = self.database()
        self.report(
            database,
            *({"free_capacity_gb": 100 - used, "allocated_capacity_gb": used} for used in (10, 20, 30)),
        )
        text = "[scheduler]\nfilters = capacity\nweighers = capacity, allocated_capacity\n"
        text += "[weigher_allocated_capacity]\nallocated_capacity_weight_multiplier = 0.001\n"
        (problem,) = self.diagnosed(text)["VS206"]
        self.assertIn("allocated_capacity changes no order", problem.what)

    def test_where_nothing_is_stored_yet_orders_are_not_judged(self) -> None:
        self.report(self.database(), {}, {"total_capacity_gb": 200, "free_capacity_gb": 200})
        self.assertNotIn("VS206", self.diagnosed())

    def test_an_expression_that_breaks_when_it_is_asked(self) -> None:
        self.report(self.database(), {"filter_function": "volume.nothing < 10"}, {})
        found = self.diagnosed("[scheduler]\nfilters = driver\n")
        self.assertFalse({"VS219"} & set(found), found)
