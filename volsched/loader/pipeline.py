"""The selected filters, weighers and handlers, put together into what a scheduler asks."""

from __future__ import annotations

from volsched.loader.loaded import Plugins
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.placement.pipeline import Placing
from volsched.placement.profiles import Profile, Profiles
from volsched.placement.watchdog import Watchdog, Watched
from volsched.plugins import Chooser


def chooser_of(plugins: Plugins, *, slow_seconds: float, observer: Observer = NO_OBSERVER) -> Chooser:
    """Filters and weighers of every request, and those of the profiles, under a watchdog."""
    chooser: Chooser = Placing(plugins.filters, plugins.weighers, plugins.weight_handler)
    if plugins.profiles:
        profiles = [
            Profile(name=it.name, types=it.types, chooser=Placing(it.filters, it.weighers, it.weight_handler))
            for it in plugins.by_profile
        ]
        chooser = Profiles(chooser, profiles)
    watched = [
        Watched(name=it.choice.name, label=str(it.choice.entry), package=it.choice.entry.provider, plugin=it.plugin)
        for it in plugins.everything
    ]
    return Watchdog(chooser, watched, slow_seconds=slow_seconds, observer=observer)
