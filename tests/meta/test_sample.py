"""The samples in etc/volsched are what the options and the rules say now."""

from __future__ import annotations

import tests
from tests.meta.sources import TOP
from volsched.conf.opts import sample
from volsched.policy.rules import sample as policy_sample


class TestSample(tests.TestCase):
    def test_up_to_date(self) -> None:
        kept = (TOP / "etc" / "volsched" / "volsched.conf.sample").read_text()
        self.assertEqual(sample(), kept, "make it anew: volsched config sample > etc/volsched/volsched.conf.sample")

    def test_the_policy_is_up_to_date(self) -> None:
        kept = (TOP / "etc" / "volsched" / "policy.yaml.sample").read_text()
        self.assertEqual(
            policy_sample(), kept, "make it anew: volsched policy sample > etc/volsched/policy.yaml.sample"
        )

    def test_nothing_of_this_machine_is_in_it(self) -> None:
        kept = (TOP / "etc" / "volsched" / "volsched.conf.sample").read_text()
        self.assertIn("#host = <this machine's name>\n", kept)
        self.assertIn("#state_path = /var/lib/volsched\n", kept)
