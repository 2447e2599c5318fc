"""Every store on MariaDB."""

from __future__ import annotations

from tests.stores import audit, backends, backlog, claims, deliveries, groups, outbox, quotas, volumes, work, world


class TestClaimsOnMariaDB(claims.ClaimsContract, world.OnMariaDB):
    pass


class TestVolumesOnMariaDB(volumes.VolumesContract, world.OnMariaDB):
    pass


class TestVolumeTypesOnMariaDB(volumes.VolumeTypesContract, world.OnMariaDB):
    pass


class TestFactsOnMariaDB(volumes.FactsContract, world.OnMariaDB):
    pass


class TestWorkOnMariaDB(work.WorkContract, world.OnMariaDB):
    pass


class TestOutboxOnMariaDB(outbox.OutboxContract, world.OnMariaDB):
    pass


class TestRecordsOnMariaDB(outbox.RecordsContract, world.OnMariaDB):
    pass


class TestQuotasOnMariaDB(quotas.QuotasContract, world.OnMariaDB):
    pass


class TestBackendsOnMariaDB(backends.BackendsContract, world.OnMariaDB):
    pass


class TestGroupsOnMariaDB(groups.GroupsContract, world.OnMariaDB):
    pass


class TestSnapshotsOnMariaDB(groups.SnapshotsContract, world.OnMariaDB):
    pass


class TestDeliveriesOnMariaDB(deliveries.DeliveriesContract, world.OnMariaDB):
    pass


class TestAuditOnMariaDB(audit.AuditContract, world.OnMariaDB):
    pass


class TestBacklogOnMariaDB(backlog.BacklogContract, world.OnMariaDB):
    pass
