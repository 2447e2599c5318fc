"""All imports, for the process from which others are forked."""

from __future__ import annotations

import importlib
import pkgutil
import warnings

import volsched
import volsched_drivers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for package in (volsched, volsched_drivers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    for name in (
        "alembic.command",
        "cliff.formatters.json_format",
        "cliff.formatters.table",
        "cliff.lister",
        "cliff.show",
    ):
        importlib.import_module(name)
