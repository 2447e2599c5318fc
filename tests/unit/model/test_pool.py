from __future__ import annotations

from tests import TestCase
from volsched.testing.builders import a_pool


class TestCluster(TestCase):
    def test_a_volume_s_cluster_name_names_the_pool_as_its_host_does(self) -> None:
        clustered = a_pool("gold", host="node1@disk", cluster_name="east@disk")
        self.assertEqual(("east@disk#gold", "east@disk#gold"), (clustered.pool_id, clustered.cluster_pool_id))

    def test_without_a_cluster_there_is_none(self) -> None:
        self.assertIsNone(a_pool("gold", host="node1@disk").cluster_pool_id)
