"""The laws for plugins of every kind bite."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

from oslo_config import cfg

from tests.unit.testing.laws import biting
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.plugins import Plugin, PoolFilter, PoolWeigher
from volsched.testing import BackendConformance, FilterConformance, PluginConformance


class Sound(PoolFilter):
    """Rejects nothing."""

    contract = (1, 0)

    def __init__(self, limit_gb: float = 5.0, api_token: str | None = None) -> None:
        self.limit_gb = limit_gb

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (
            cfg.FloatOpt("limit_gb", default=5.0, help="A limit."),
            cfg.StrOpt("api_token", secret=True, help="A secret."),
        )

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return None


class Heavy(PoolWeigher):
    """Of another kind."""

    contract = (1, 0)

    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        return 1.0


class Unstated(Sound):
    """States no contract: the one it inherits does not count."""


class Futuristic(Sound):
    contract = (2, 0)


class Newer(Sound):
    contract = (1, 9)


class Mumbling(Sound):
    contract = (1, 0)


class Cryptic(Sound):
    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (cfg.FloatOpt("limit_gb", default=5.0),)


class Indiscreet(Sound):
    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (cfg.StrOpt("api_token", help="Shown to everybody."),)


class Deaf(Sound):
    """Does not take its options."""

    def __init__(self, other: float = 1.0) -> None:
        pass


class Insatiable(Sound):
    """Requires a parameter that is not an option."""

    def __init__(self, limit_gb: float, api_token: str | None, more: str) -> None:
        pass


class Eager(Sound):
    def __init__(self, limit_gb: float = 5.0, api_token: str | None = None) -> None:
        os.listdir("/")


class Complaining(Sound):
    def validate(self) -> list[str]:
        return ["limit_gb is too small"]


class Single(Sound):
    """Can be started once."""

    started = False

    def start(self) -> None:
        if self.started:
            raise RuntimeError("started already")
        self.started = True


class Assuming(Sound):
    """Stops what was never started."""

    def start(self) -> None:
        self.connection: list[str] = []

    def stop(self) -> None:
        self.connection.clear()


class Boasting(Sound):
    capabilities = frozenset({"DRY_RUN"})


class Modest(Sound):
    def snapshot(self) -> None:
        pass


class PluginLawsTest(biting.BitingTestCase):
    kit = FilterConformance
    sound = Sound
    broken: ClassVar[Mapping[str, type]] = {
        "test_it_is_a_class_of_its_kind": Heavy,
        "test_it_states_a_contract_that_this_host_offers": Unstated,
        "test_it_has_a_docstring": Mumbling,
        "test_every_option_has_help": Cryptic,
        "test_secret_options_are_marked": Indiscreet,
        "test_its_constructor_takes_its_options": Deaf,
        "test_its_constructor_does_no_input_or_output": Eager,
        "test_validate_accepts_its_configuration": Complaining,
        "test_start_and_stop_may_be_repeated": Single,
        "test_stop_without_start_is_harmless": Assuming,
        "test_declared_capabilities_have_methods": Boasting,
    }

    def test_no_law_is_left_out(self) -> None:
        """Three of them are tried below."""
        elsewhere = {
            "test_it_is_published_once",
            "test_its_options_do_not_hide_those_of_volsched",
            "test_methods_of_capabilities_are_declared",
        }
        self.assertEqual(biting.laws_of(PluginConformance), set(self.broken) | elsewhere)

    def test_what_is_published_twice_or_not_at_all(self) -> None:
        law = "test_it_is_published_once"
        points = tuple(EntryPoint("tested", f"{name}:Plugin", "volsched.filters") for name in ("mine", "theirs"))
        self.assertIsNone(self.told(law, Sound))
        self.assertIn("2 times", str(self.told(law, Sound, entry_points=lambda case: points)))
        self.assertIsNotNone(self.told(law, Sound, entry_points=lambda case: ()))

    def test_what_has_an_option_of_the_hosts(self) -> None:
        class Driven(Sound):
            @classmethod
            def config_opts(cls) -> Sequence[cfg.Opt]:
                return (cfg.StrOpt("driver", help="What drives it."),)

        law = "test_its_options_do_not_hide_those_of_volsched"
        for group in ("volsched.notifiers", "volsched.backends"):
            self.assertIsNone(self.told(law, Sound, group=group))
            self.assertIn("driver", str(self.told(law, Driven, group=group)))
        self.assertIsNone(self.told(law, Driven), "filters have no instances")

    def test_what_can_do_more_than_it_says(self) -> None:
        law = "test_methods_of_capabilities_are_declared"
        known = BackendConformance.known_capabilities
        self.assertIn("SNAPSHOT", known)
        self.assertIsNone(self.told(law, Sound, known_capabilities=known))
        self.assertIn("SNAPSHOT", str(self.told(law, Modest, known_capabilities=known)))

    def test_every_way_to_break_a_law(self) -> None:
        ways: tuple[tuple[str, Any], ...] = (
            ("test_it_is_a_class_of_its_kind", Sound()),
            ("test_it_is_a_class_of_its_kind", type("Abstract", (PoolFilter,), {})),
            ("test_it_is_a_class_of_its_kind", type("Mute", (Plugin,), {})),
            (
                "test_it_is_a_class_of_its_kind",
                type("Stranger", (), {"screen": lambda self, request, candidates: None}),
            ),
            ("test_it_states_a_contract_that_this_host_offers", Futuristic),
            ("test_it_states_a_contract_that_this_host_offers", Newer),
            ("test_it_states_a_contract_that_this_host_offers", type("Odd", (Sound,), {"contract": ("1", "0")})),
            ("test_its_constructor_takes_its_options", Insatiable),
        )
        for law, plugin in ways:
            with self.subTest(law=law, plugin=plugin):
                self.assertIsNotNone(self.told(law, plugin))
        speaking = type("Speaking", (Plugin,), {"screen": lambda self, request, candidates: None})
        self.assertIsNone(self.told("test_it_is_a_class_of_its_kind", speaking))

    def test_a_config_with_an_unknown_option_fails(self) -> None:
        told = self.told("test_its_constructor_takes_its_options", Sound, config={"limt_gb": 5})
        self.assertIn("not options of the plugin", str(told))
