"""The number of volumes."""

from __future__ import annotations

from tests import TestCase
from volsched.model.request import Facts
from volsched.plugins import VOLUME_COUNTS
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.weighers.volume_number import VolumeNumberWeigher


class VolumeNumberWeigherTest(TestCase):
    def test_the_volumes_of_each_pool(self) -> None:
        """B1: as released, Cinder's weigher ends every request in an error."""
        pools = a_pool_table(a_pool("a"), a_pool("b"), a_pool("c"))
        facts = Facts(volume_counts={"node1@disk#a": 3, "node1@disk#b": 1, "node1@disk": 50, "other@disk#c": 9})
        weigher = VolumeNumberWeigher()
        self.assertEqual([3.0, 1.0, 0.0], weigher.weigh(a_request(facts=facts), pools.candidates()).tolist())
        self.assertEqual(-1.0, weigher.multiplier)
        self.assertEqual({VOLUME_COUNTS}, weigher.needs)

    def test_volumes_of_a_cluster(self) -> None:
        """W08: Cinder counts those under the name of the member that reported; here the cluster's own count as well."""
        pools = a_pool_table(a_pool("a", cluster_name="cluster@disk"))
        facts = Facts(volume_counts={"node1@disk#a": 3, "cluster@disk#a": 4, "node2@disk#a": 5})
        self.assertEqual([7.0], VolumeNumberWeigher().weigh(a_request(facts=facts), pools.candidates()).tolist())
