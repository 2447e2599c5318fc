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
from volsched.testing.laws.instruments import recorded_io

if TYPE_CHECKING:
    import unittest

    Laws = unittest.TestCase
else:
    Laws = object  # a TestCase would be collected in every module that imports it

SECRET_WORDS = re.compile(r"(?i)password|passwd|passphrase|secret|token|credential|private_?key|api_?key|access_?key")


@functools.lru_cache(maxsize=128)
def _published(group: str, name: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group, name=name))


class PluginConformance(Laws):
    """The laws for plugins of every kind. Set `plugin_name`; set `config` where an option has no default."""

    #: The name of the entry point.
    plugin_name: ClassVar[str]
    #: Values of options, by name. Override `configuration` for values that only the test has, such as a folder.
    config: ClassVar[Mapping[str, Any]] = {}
    #: Set by the mixin of each kind: entry-point group, base classes, methods that the pipeline calls.
    group: ClassVar[str]
    bases: ClassVar[tuple[type, ...]]
    verbs: ClassVar[tuple[str, ...]]
    offered_contract: ClassVar[tuple[int, int]] = HOST_CONTRACT
    #: The optional capabilities of the kind, each with a method of its name in lower case.
    known_capabilities: ClassVar[frozenset[str]] = frozenset()

    # -- the tested plugin ----------------------------------------------------------------------------------------

    def entry_points(self) -> Sequence[EntryPoint]:
        """Return every entry point of this name in the group of its kind."""
        return _published(self.group, self.plugin_name)

    def plugin_class(self) -> Any:
        """Return the class that is published under the name."""
        found = self.entry_points()
        self.assertTrue(found, f"no entry point {self.plugin_name!r} in {self.group}: install the package")
        return found[0].load()

    def configuration(self) -> Mapping[str, Any]:
        """Return values of options, by name."""
        return self.config

    def options(self, given: tuple[Any, ...] = ()) -> dict[str, Any]:
        """Return the arguments of the constructor: the defaults, overridden by the configuration.

        A plugin that an option names is constructed with `given` and its defaults.
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
        self.assertTrue(found, f"no entry point {name!r} in {option.kind}: install the package")
        plugin_class = found[0].load()
        defaults = {inner.dest: inner.default for inner in plugin_class.config_opts()}
        return Named(name, plugin_class(*given, **defaults))

    def given(self) -> tuple[Any, ...]:
        """Return the positional arguments of the constructor."""
        return ()

    def maker(self) -> Callable[[], Any]:
        """Return a function that only constructs the plugin."""
        given = self.given()
        return functools.partial(self.plugin_class(), *given, **self.options(given))

    def make(self) -> Any:
        """Return a new plugin."""
        return self.maker()()

    # -- laws ---------------------------------------------------------------------------------------------------

    def test_it_is_published_once(self) -> None:
        """One package publishes the name, once."""
        found = {(point.value, point.dist.name if point.dist else "?") for point in self.entry_points()}
        self.assertEqual(
            1, len(found), f"{self.plugin_name!r} is published {len(found)} times in {self.group}: {found}"
        )

    def test_it_is_a_class_of_its_kind(self) -> None:
        """It derives from a base class of its kind, or from Plugin with the methods of its kind, and is complete."""
        plugin_class = self.plugin_class()
        self.assertTrue(inspect.isclass(plugin_class), f"expected a class, got {plugin_class!r}")
        names = " or ".join(base.__name__ for base in self.bases)
        derived = issubclass(plugin_class, self.bases)
        by_methods = issubclass(plugin_class, Plugin) and all(hasattr(plugin_class, verb) for verb in self.verbs)
        self.assertTrue(derived or by_methods, f"derive it from {names}, or from Plugin with {', '.join(self.verbs)}")
        missing = sorted(getattr(plugin_class, "__abstractmethods__", ()))
        self.assertFalse(missing, f"required methods are missing: {', '.join(missing)}")

    def test_it_states_a_contract_that_this_host_offers(self) -> None:
        """Its class body has `contract = (major, minor)`: an inherited one would match every release of volsched."""
        stated = vars(self.plugin_class()).get("contract")
        self.assertIsInstance(stated, tuple, "state contract = (major, minor) in the class itself")
        assert stated is not None
        self.assertEqual([int, int], [type(part) for part in stated], f"expected (major, minor), got {stated!r}")
        offered = self.offered_contract
        self.assertEqual(offered[0], stated[0], f"this volsched offers {offered}")
        self.assertLessEqual(stated[1], offered[1], f"this volsched offers {offered}")

    def test_it_has_a_docstring(self) -> None:
        """It has its own docstring, which `volsched plugin show` prints."""
        docstring = vars(self.plugin_class()).get("__doc__")
        self.assertTrue(docstring and docstring.strip(), "write a docstring for the class itself")

    def test_every_option_has_help(self) -> None:
        """Every option has help text for the operator."""
        for option in self.plugin_class().config_opts():
            self.assertTrue(option.help and option.help.strip(), f"option {option.name} has no help")

    def test_its_options_do_not_hide_those_of_volsched(self) -> None:
        """volsched adds options such as `driver` to the sections of instances; no plugin declares one of that name."""
        added = INSTANCE_OPTIONS.get(self.group)
        hosts = {option.dest for option in added("tested")} if added is not None else set()
        own = {option.dest for option in self.plugin_class().config_opts()}
        self.assertFalse(sorted(own & hosts), "rename these options: volsched has options of the same names")

    def test_secret_options_are_marked(self) -> None:
        """An option with the name of a secret is secret, so that no log and no error shows its value."""
        for option in self.plugin_class().config_opts():
            if SECRET_WORDS.search(option.name):
                self.assertTrue(option.secret, f"option {option.name} looks like a secret: set secret=True")

    def test_its_constructor_takes_its_options(self) -> None:
        """The constructor takes each option by keyword, and requires nothing else."""
        known = {option.dest for option in self.plugin_class().config_opts()}
        self.assertFalse(set(self.configuration()) - known, "config has names that are not options of the plugin")
        takes = list(inspect.signature(self.plugin_class()).parameters.values())[len(self.given()) :]
        named = {parameter.name for parameter in takes}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes):
            self.assertFalse(known - named, "the constructor does not take these options")
        collecting = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        required = {item.name for item in takes if item.default is item.empty and item.kind not in collecting}
        self.assertFalse(required - known, "these parameters are neither options nor have a default")
        self.make()

    def test_its_constructor_does_no_input_or_output(self) -> None:
        """The constructor stores values; `start` opens files and connections."""
        make = self.maker()
        make()  # imports of the first construction do not count
        with recorded_io() as seen:
            make()
        self.assertEqual([], seen[:5], "the constructor did input or output")

    def test_validate_accepts_its_configuration(self) -> None:
        """`validate` returns an empty list for a correct configuration."""
        self.assertEqual([], self.make().validate())

    def test_start_and_stop_may_be_repeated(self) -> None:
        """Starting twice, stopping twice, and starting again are harmless."""
        plugin = self.make()
        try:
            plugin.start()
            plugin.start()
            self.assertIsNone(plugin.health(), "it reports a problem after start")
        finally:
            plugin.stop()
            plugin.stop()
        plugin.start()
        plugin.stop()

    def test_stop_without_start_is_harmless(self) -> None:
        """A service that failed to start stops every plugin."""
        self.make().stop()

    def test_declared_capabilities_have_methods(self) -> None:
        """Every declared capability has its method."""
        plugin_class = self.plugin_class()
        self.assertIsInstance(plugin_class.capabilities, frozenset)
        for name in sorted(plugin_class.capabilities):
            method = getattr(plugin_class, name.lower(), None)
            self.assertTrue(callable(method), f"it declares {name} but has no method {name.lower()}")

    def test_methods_of_capabilities_are_declared(self) -> None:
        """A capability that is implemented but not declared is never used."""
        plugin_class = self.plugin_class()
        for name in sorted(self.known_capabilities - plugin_class.capabilities):
            self.assertFalse(hasattr(plugin_class, name.lower()), f"it has {name.lower()} but does not declare {name}")
