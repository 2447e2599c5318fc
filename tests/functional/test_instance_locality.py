"""Instance locality, from the hint to the compute service, in one process."""

from __future__ import annotations

from tests import TestCase
from tests.cloud import Cloud
from volsched import conf
from volsched.db.database import Database
from volsched.model.volume import Volume, VolumeStatus
from volsched.service.application import open_application

INSTANCE = "3079f9f9-4e5f-401e-ae94-997d670f1d7d"
CONTEXT = {"project_id": "p1", "user_id": "u1", "is_admin": False}
SETTINGS = """
[database]
connection = sqlite:///{folder}/volsched.sqlite
[paths]
state_path = {folder}
[scheduler]
filters = capacity, instance_locality
[agent]
host = machine1
backends = disk1
[backend_disk1]
driver = directory
path = {folder}/disk1
pools = gold
pool_size_gb = gold:100
unit_bytes = 4096
[compute]
auth_url = {cloud}/v3
username = volsched
password = secret
timeout = 5
"""


class InstanceLocalityTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cloud = self.enterContext(Cloud())
        file = self.folder() / "volsched.conf"
        file.write_text(SETTINGS.format(folder=file.parent, cloud=self.cloud.url))
        configuration = conf.load([str(file)])
        database = Database.configured(configuration)
        database.upgrade()
        database.close()
        self.application = self.enterContext(open_application(configuration))
        self.application.report()

    def created(self) -> Volume:
        volumes = self.application.api(CONTEXT).volumes
        created = volumes.wait(volumes.create(size_gb=1, hints={"local_to_instance": INSTANCE}))
        assert created is not None
        return self.application.stores.volumes.get(created.id)

    def told(self, volume: Volume) -> str:
        return " ".join(message.text for message in self.application.api(CONTEXT).volumes.messages(volume))

    def test_on_the_instances_machine(self) -> None:
        self.cloud.runs_on("machine1")
        volume = self.created()
        self.assertEqual((VolumeStatus.AVAILABLE, "machine1@disk1#gold"), (volume.status, volume.host))
        self.assertEqual([(f"/v2.1/servers/{INSTANCE}", "a-token")], self.cloud.asked)

    def test_on_another_machine(self) -> None:
        self.cloud.runs_on("machine2")
        volume = self.created()
        self.assertEqual(VolumeStatus.ERROR, volume.status)
        self.assertIn("instance_locality", self.told(volume))

    def test_an_instance_that_is_not_there(self) -> None:
        volume = self.created()
        self.assertEqual(VolumeStatus.ERROR, volume.status)
        self.assertIn("local_to_instance", self.told(volume))
