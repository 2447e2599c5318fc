"""The laws that hold for plugins of every kind."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar

from volsched.conf.opts import INSTANCE_OPTIONS
from volsched.plugins import HOST_CONTRACT, Plugin
from volsched.plugins.references import Named, PluginOpt, PluginsOpt
from volsched.testing.laws.watching import watched

if TYPE_CHECKING:
    import unittest

    Laws = unittest.TestCase
else:
    Laws = object  # a mixin that were a TestCase would be collected wherever it is imported

SECRET_WORDS = re.compile(r"(?i)password|passwd|passphrase|secret|token|credential|private_?key|api_?key|access_?key")


@functools.lru_cache(maxsize=128)
def _published(group: str, name: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group, name=name))


class PluginConformance(Laws):
    """What holds for plugins of every kind. Set `plugin_name`; set `config` where an option has no default."""

    #: As the entry point has it.
    plugin_name: ClassVar[str]
    #: Values of options, by name. Override `configuration` where they are known only in the test (a folder…).
    config: ClassVar[Mapping[str, Any]] = {}
    #: What the kind adds.
    group: ClassVar[str]
    bases: ClassVar[tuple[type, ...]]
    verbs: ClassVar[tuple[str, ...]]
    offered_contract: ClassVar[tuple[int, int]] = HOST_CONTRACT
    #: What a plugin of this kind may do beyond that, each with a method of this name in lower case.
    known_capabilities: ClassVar[frozenset[str]] = frozenset()

    # -- what is tested -----------------------------------------------------------------------------------------

    def entry_points(self) -> Sequence[EntryPoint]:
        """Every entry point of this name in the group of its kind."""
        return _published(self.group, self.plugin_name)

    def plugin_class(self) -> Any:
        """What is published under the name."""
        found = self.entry_points()
        self.assertTrue(found, f"nothing called {self.plugin_name!r} is published in {self.group}: is it installed?")
        return found[0].load()

    def configuration(self) -> Mapping[str, Any]:
        """Values of options, by name."""
        return self.config

    def options(self, given: tuple[Any, ...] = ()) -> dict[str, Any]:
        """What the constructor gets: the defaults, with the configuration laid over them.

        A plugin that an option names is made with its defaults, and with `given` before them.
        """
        declared = self.plugin_class().config_opts()
        values = {**{option.dest: option.default for option in declared}, **self.configuration()}
        for option in declared:
            if isinstance(option, PluginOpt):
                values[option.dest] = self._named(option, str(values[option.dest]), given)
            elif isinstance(option, PluginsOpt):
                names = values[option.dest] or ()
                values[option.dest] = tuple(self._named(option, str(name), given) for name in names)
        return values

    def _named(self, option: PluginOpt | PluginsOpt, name: str, given: tuple[Any, ...]) -> Named:
        found = _published(option.kind, name)
        self.assertTrue(found, f"nothing called {name!r} is published in {option.kind}: is it installed?")
        plugin_class = found[0].load()
        defaults = {inner.dest: inner.default for inner in plugin_class.config_opts()}
        return Named(name, plugin_class(*given, **defaults))

    def given(self) -> tuple[Any, ...]:
        """What the constructor gets before its options."""
        return ()

    def maker(self) -> Callable[[], Any]:
        """Makes the plugin, and does nothing else."""
        given = self.given()
        return functools.partial(self.plugin_class(), *given, **self.options(given))

    def make(self) -> Any:
        """A new plugin."""
        return self.maker()()

    # -- laws ---------------------------------------------------------------------------------------------------

    def test_it_is_published_once(self) -> None:
        """One package publishes the name, once."""
        found = {(point.value, point.dist.name if point.dist else "?") for point in self.entry_points()}
        self.assertEqual(
            1, len(found), f"{self.plugin_name!r} is published {len(found)} times in {self.group}: {found}"
        )

    def test_it_is_a_class_of_its_kind(self) -> None:
        """It derives from a base class of its kind, or from Plugin with the kind's verbs, and lacks nothing."""
        plugin_class = self.plugin_class()
        self.assertTrue(inspect.isclass(plugin_class), f"{plugin_class!r} is no class")
        names = " or ".join(base.__name__ for base in self.bases)
        derived = issubclass(plugin_class, self.bases)
        spoken = issubclass(plugin_class, Plugin) and all(hasattr(plugin_class, verb) for verb in self.verbs)
        self.assertTrue(derived or spoken, f"derive it from {names}, or from Plugin with {', '.join(self.verbs)}")
        missing = sorted(getattr(plugin_class, "__abstractmethods__", ()))
        self.assertFalse(missing, f"it lacks {', '.join(missing)}")

    def test_it_states_a_contract_that_this_host_offers(self) -> None:
        """`contract = (major, minor)` stands in its own body: an inherited one would match whatever the host is."""
        stated = vars(self.plugin_class()).get("contract")
        self.assertIsInstance(stated, tuple, "state contract = (major, minor) in the class itself")
        assert stated is not None
        self.assertEqual([int, int], [type(part) for part in stated], f"{stated!r} is no (major, minor)")
        offered = self.offered_contract
        self.assertEqual(offered[0], stated[0], f"this volsched offers {offered}")
        self.assertLessEqual(stated[1], offered[1], f"this volsched offers {offered}")

    def test_it_says_what_it_is(self) -> None:
        """It has a docstring of its own: `volsched plugin show` prints it."""
        told = vars(self.plugin_class()).get("__doc__")
        self.assertTrue(told and told.strip(), "write a docstring for the class itself")

    def test_every_option_has_help(self) -> None:
        """What an operator can set is explained."""
        for option in self.plugin_class().config_opts():
            self.assertTrue(option.help and option.help.strip(), f"option {option.name} has no help")

    def test_it_leaves_the_hosts_options_alone(self) -> None:
        """Sections of instances hold options that volsched adds, such as `driver`: no plugin has one of that name."""
        added = INSTANCE_OPTIONS.get(self.group)
        hosts = {option.dest for option in added("tested")} if added is not None else set()
        own = {option.dest for option in self.plugin_class().config_opts()}
        self.assertFalse(sorted(own & hosts), "volsched has options of these names in its section: rename them")

    def test_secrets_are_marked(self) -> None:
        """An option that looks like a secret is one, so that no log and no error shows its value."""
        for option in self.plugin_class().config_opts():
            if SECRET_WORDS.search(option.name):
                self.assertTrue(option.secret, f"option {option.name} looks like a secret: give it secret=True")

    def test_its_constructor_takes_its_options(self) -> None:
        """By keyword, each of them, and nothing that nobody could give it."""
        known = {option.dest for option in self.plugin_class().config_opts()}
        self.assertFalse(set(self.configuration()) - known, "config names what is no option of the plugin")
        takes = list(inspect.signature(self.plugin_class()).parameters.values())[len(self.given()) :]
        named = {parameter.name for parameter in takes}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes):
            self.assertFalse(known - named, "options that the constructor does not take")
        collecting = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        required = {item.name for item in takes if item.default is item.empty and item.kind not in collecting}
        self.assertFalse(required - known, "parameters that are no options, and have no default")
        self.make()

    def test_making_it_touches_nothing_outside(self) -> None:
        """The constructor keeps values; `start` opens files and connections."""
        make = self.maker()
        make()  # what it imports when it is first made is no matter
        with watched() as seen:
            make()
        self.assertEqual([], seen[:5], "the constructor did input or output")

    def test_it_is_well_with_what_it_was_made_with(self) -> None:
        """`validate` answers a list of problems, empty for a good configuration."""
        self.assertEqual([], self.make().validate())

    def test_start_and_stop_may_be_repeated(self) -> None:
        """Starting twice, stopping twice, and starting again are harmless."""
        plugin = self.make()
        try:
            plugin.start()
            plugin.start()
            self.assertIsNone(plugin.health(), "it is not well after start")
        finally:
            plugin.stop()
            plugin.stop()
        plugin.start()
        plugin.stop()

    def test_stop_without_start_is_harmless(self) -> None:
        """A service that failed to start stops everything."""
        self.make().stop()

    def test_what_it_declares_it_can_do(self) -> None:
        """Every declared capability has its method."""
        plugin_class = self.plugin_class()
        self.assertIsInstance(plugin_class.capabilities, frozenset)
        for name in sorted(plugin_class.capabilities):
            method = getattr(plugin_class, name.lower(), None)
            self.assertTrue(callable(method), f"it declares {name} and has no method {name.lower()}")

    def test_what_it_can_do_it_declares(self) -> None:
        """A capability that is implemented and not declared is never used."""
        plugin_class = self.plugin_class()
        for name in sorted(self.known_capabilities - plugin_class.capabilities):
            self.assertFalse(hasattr(plugin_class, name.lower()), f"it has {name.lower()} and does not declare {name}")
