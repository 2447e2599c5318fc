"""Factories of the two flows by configuration files, as TaskFlow can store and repeat them."""

from __future__ import annotations

import atexit
from functools import lru_cache

from taskflow.flow import Flow

from volsched import conf
from volsched.flows import create_volume as create_volume_flow
from volsched.flows import manage_existing as manage_existing_flow
from volsched.service.application import Application

#: The factories' names, as TaskFlow stores them.
CREATE_VOLUME = f"{__name__}.create_volume"
MANAGE_EXISTING = f"{__name__}.manage_existing"


def create_volume(*config_files: str) -> Flow:
    """Return the scheduler's create_volume flow, with the driver that the configuration selects."""
    return create_volume_flow.flow_of(configured(*config_files).driver)


def manage_existing(*config_files: str) -> Flow:
    """Return the API's manage_existing flow, over the stores of the configuration."""
    made = configured(*config_files)
    return manage_existing_flow.flow_of(made.queued_scheduler, made.stores)


@lru_cache
def configured(*config_files: str) -> Application:
    """Return the application that all flows of one configuration share until this process ends."""
    made = Application(conf.load(config_files))
    atexit.register(made.close)
    return made
