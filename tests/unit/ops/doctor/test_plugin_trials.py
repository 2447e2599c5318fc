"""Tests of `plugin check`: the plugins one by one, selected or not."""

from __future__ import annotations

from tests.unit.ops.doctor.world import World
from volsched.exceptions import NotFound
from volsched.ops.doctor import plugin_trials


class TestTrying(World):
    def test_all_that_are_selected(self) -> None:
        scene = self.scene("[scheduler]\nprofiles = p\n[profile_p]\ntypes = gold\nfilters = driver, capacity\n")
        tried = plugin_trials.selected(scene.conf, scene.catalog, probe=True)
        names = sorted(it.choice.name for it in tried if it.choice is not None)
        self.assertEqual(
            ["availability_zone", "capabilities", "capacity", "capacity", "driver", "filter", "log", "ordered"], names
        )
        self.assertTrue(all(it.sound for it in tried))

    def test_what_is_none_is_told_beside_them(self) -> None:
        scene = self.scene("[scheduler]\nfilters = capcity, capabilities\n")
        tried = plugin_trials.selected(scene.conf, scene.catalog, probe=False)
        self.assertEqual(["VS101"], [problem.code for it in tried for problem in it.problems])
        self.assertIsNone(tried[0].choice)

    def test_one_that_is_not_selected(self) -> None:
        scene = self.scene()
        (tried,) = plugin_trials.named(scene.conf, scene.catalog, "jsonl", None, probe=False)
        self.assertFalse(tried.sound)
        self.assertEqual([("VS107", "[notifier_jsonl] path")], self.told(tried.problems))

    def test_an_instance(self) -> None:
        text = "[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = jsonl\npath = /no/such/folder/x\n"
        scene = self.scene(text)
        (tried,) = plugin_trials.named(scene.conf, scene.catalog, "ops", None, probe=False)
        self.assertTrue(tried.sound)
        (probed,) = plugin_trials.named(scene.conf, scene.catalog, "ops", None, probe=True)
        self.assertEqual([("VS111", "[notifier_ops]")], self.told(probed.problems))

    def test_a_scheduler_driver_is_made_in_a_world_of_its_own(self) -> None:
        scene = self.scene()
        (tried,) = plugin_trials.named(scene.conf, scene.catalog, "chance", "schedulers", probe=True)
        self.assertEqual((), tried.problems)

    def test_a_name_of_two_kinds_is_both(self) -> None:
        scene = self.scene()
        self.assertEqual(2, len(plugin_trials.named(scene.conf, scene.catalog, "capacity", None, probe=False)))

    def test_a_name_of_nothing(self) -> None:
        scene = self.scene()
        with self.assertRaisesRegex(NotFound, "did you mean 'capacity'"):
            plugin_trials.named(scene.conf, scene.catalog, "capcity", None, probe=False)
