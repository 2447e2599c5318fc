"""Every store on PostgreSQL."""

from __future__ import annotations

from tests.stores import audit, backends, backlog, claims, deliveries, groups, outbox, quotas, volumes, work, world


class TestClaimsOnPostgreSQL(claims.ClaimsContract, world.OnPostgreSQL):
    pass


class TestVolumesOnPostgreSQL(volumes.VolumesContract, world.OnPostgreSQL):
    pass


class TestVolumeTypesOnPostgreSQL(volumes.VolumeTypesContract, world.OnPostgreSQL):
    pass


class TestFactsOnPostgreSQL(volumes.FactsContract, world.OnPostgreSQL):
    pass


class TestWorkOnPostgreSQL(work.WorkContract, world.OnPostgreSQL):
    pass


class TestOutboxOnPostgreSQL(outbox.OutboxContract, world.OnPostgreSQL):
    pass


class TestRecordsOnPostgreSQL(outbox.RecordsContract, world.OnPostgreSQL):
    pass


class TestQuotasOnPostgreSQL(quotas.QuotasContract, world.OnPostgreSQL):
    pass


class TestBackendsOnPostgreSQL(backends.BackendsContract, world.OnPostgreSQL):
    pass


class TestGroupsOnPostgreSQL(groups.GroupsContract, world.OnPostgreSQL):
    pass


class TestSnapshotsOnPostgreSQL(groups.SnapshotsContract, world.OnPostgreSQL):
    pass


class TestDeliveriesOnPostgreSQL(deliveries.DeliveriesContract, world.OnPostgreSQL):
    pass


class TestAuditOnPostgreSQL(audit.AuditContract, world.OnPostgreSQL):
    pass


class TestBacklogOnPostgreSQL(backlog.BacklogContract, world.OnPostgreSQL):
    pass
