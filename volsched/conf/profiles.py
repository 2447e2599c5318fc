"""Profiles: other filters and weighers for some volume types."""

from __future__ import annotations

from oslo_config import cfg

PREFIX = "profile_"


def options() -> list[cfg.Opt]:
    """What every [profile_NAME] section has."""
    return [
        cfg.ListOpt(
            "types",
            required=True,
            help="The volume types, by name or id, whose volumes are placed by this profile.",
        ),
        cfg.ListOpt(
            "filters",
            help="The filters of this profile, in their order. Without it, those of [scheduler].",
        ),
        cfg.ListOpt(
            "weighers",
            help="The weighers of this profile. Without it, those of [scheduler].",
        ),
        cfg.StrOpt(
            "weight_handler",
            help="The weight handler of this profile. Without it, the one of [scheduler].",
        ),
    ]
