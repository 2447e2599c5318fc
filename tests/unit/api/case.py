"""The API over a database of its own, with two directory backends; only `wait` carries out requests."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import Any

from tests import TestCase
from tests.stores.world import upgraded_file
from volsched import conf
from volsched.api.api import Api
from volsched.db.work import WorkRecord
from volsched.model.volume import Volume, VolumeStatus
from volsched.service.application import open_application

SETTINGS = """
[paths]
state_path = {folder}
[agent]
host = h
backends = b, c
[backend_b]
driver = directory
availability_zone = east
path = {folder}/b
pools = p, q
pool_size_gb = p:20, q:10
unit_bytes = 4096
max_over_subscription_ratio = 1.0
[backend_c]
driver = directory
availability_zone = west
path = {folder}/c
pools = r
pool_size_gb = r:10
unit_bytes = 4096
max_over_subscription_ratio = 1.0
"""
ADMIN = {"project_id": "ops", "user_id": "root", "is_admin": True, "roles": ["admin"]}
POOL, OTHER_POOL, FAR_POOL = "h@b#p", "h@b#q", "h@c#r"


def member(project_id: str = "p1") -> dict[str, Any]:
    return {"project_id": project_id, "user_id": "u1", "is_admin": False, "roles": ["member"]}


class ApiCase(TestCase):
    """`self.admin` and `self.member` are the API of an administrator and of a member of the project p1."""

    def setUp(self) -> None:
        super().setUp()
        folder = self.folder()
        shutil.copy(upgraded_file(), folder / "volsched.db")
        file = folder / "volsched.conf"
        file.write_text(SETTINGS.format(folder=folder))
        self.application = self.enterContext(open_application(conf.load([str(file)], use_env=False)))
        self.stores = self.application.stores
        self.admin: Api = self.application.api(ADMIN)
        self.member: Api = self.application.api(member())

    def volume(self, api: Api | None = None, size_gb: int = 2, **fields: Any) -> Volume:
        """Create a volume, with its storage, and return its row."""
        api = api if api is not None else self.member
        created = api.volumes.wait(api.volumes.create(size_gb, **fields))
        assert created is not None
        self.assertIs(VolumeStatus.AVAILABLE, created.status, api.volumes.failure(created))
        return self.stores.volumes.get(created.id)

    def queued(self, volume: Volume) -> list[WorkRecord]:
        """Return the unfinished work of a volume."""
        return [work for work in self.application.work.unfinished() if work.volume_id == volume.id]

    def reserved(self, project_id: str = "p1") -> dict[str, int]:
        return {usage.resource: usage.reserved for usage in self.stores.quotas.usage(project_id)}

    def statuses(self) -> Iterable[str]:
        return sorted(volume.status.value for volume in self.stores.volumes.list())
