"""The interfaces that plugin authors import."""

from volsched.model.candidates import Candidates, Coded, CodedColumn, Column, PoolTable
from volsched.model.decision import Decision, Screening
from volsched.model.event import Event, Priority
from volsched.model.pool import PoolState
from volsched.model.report import StoredVolume
from volsched.model.request import RequestSpec, VolumeType
from volsched.model.volume import Volume
from volsched.plugins.backends import (
    ANY_STORAGE,
    BACKEND_CONTRACT,
    Attempt,
    Clones,
    Managed,
    Migrates,
    StorageBackend,
    TakesSnapshots,
    clones,
    migrates,
    takes_snapshots,
)
from volsched.plugins.filters import INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS, ColumnFilter, Filter, PoolFilter
from volsched.plugins.notifiers import MESSAGES, Notifier, WritesMessages
from volsched.plugins.options import HOST_CONTRACT, Plugin
from volsched.plugins.schedulers import Chooser, SchedulerDriver, SchedulerResources
from volsched.plugins.weighers import ColumnWeigher, PoolWeigher, Ranking, Weigher, Weighing, WeightHandler, Weights

__all__ = [
    "ANY_STORAGE",
    "BACKEND_CONTRACT",
    "HOST_CONTRACT",
    "INSTANCE_HOST",
    "MESSAGES",
    "VOLUME_BACKENDS",
    "VOLUME_COUNTS",
    "Attempt",
    "Candidates",
    "Chooser",
    "Clones",
    "Coded",
    "CodedColumn",
    "Column",
    "ColumnFilter",
    "ColumnWeigher",
    "Decision",
    "Event",
    "Filter",
    "Managed",
    "Migrates",
    "Notifier",
    "Plugin",
    "PoolFilter",
    "PoolState",
    "PoolTable",
    "PoolWeigher",
    "Priority",
    "Ranking",
    "RequestSpec",
    "SchedulerDriver",
    "SchedulerResources",
    "Screening",
    "StorageBackend",
    "StoredVolume",
    "TakesSnapshots",
    "Volume",
    "VolumeType",
    "Weigher",
    "Weighing",
    "WeightHandler",
    "Weights",
    "WritesMessages",
    "clones",
    "migrates",
    "takes_snapshots",
]
