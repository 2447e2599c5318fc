"""Profiles: each volume type may have filters and weighers of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.request import RequestSpec
from volsched.plugins import Chooser


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who places the volumes of these types, given by name or id."""

    name: str
    types: Collection[str]
    chooser: Chooser


class Profiles:
    """A chooser that leaves each request to the profile of its volume type, or else to that of everybody.

    A type's name counts before its id. The decision names the profile.
    """

    def __init__(self, otherwise: Chooser, profiles: Sequence[Profile]) -> None:
        self._otherwise = otherwise
        self._by_type = {written: profile for profile in reversed(profiles) for written in profile.types}
        # What is fetched before it is known which profile asks: whatever any of them needs.
        self.needs: frozenset[str] = otherwise.needs.union(*(profile.chooser.needs for profile in profiles))

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter only. Raises PluginError."""
        profile = self.of(request)
        if profile is None:
            return self._otherwise.screen(request, candidates)
        return replace(profile.chooser.screen(request, candidates), profile=profile.name)

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter, weigh, rank. Raises PluginError."""
        profile = self.of(request)
        if profile is None:
            return self._otherwise.place(request, candidates)
        return replace(profile.chooser.place(request, candidates), profile=profile.name)

    def of(self, request: RequestSpec) -> Profile | None:
        """The profile of a request; None where it has none of its own."""
        volume_type = request.volume_type
        if volume_type is None:
            return None
        return self._by_type.get(volume_type.name or "") or self._by_type.get(volume_type.id or "")
