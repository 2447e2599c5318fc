from __future__ import annotations

from typing import Any

from tests import TestCase
from volsched.cli import explanation


def a_decision(**changes: Any) -> dict[str, Any]:
    """A decision about four pools: each filter rejects one, two are left."""
    return {
        "operation": "create",
        "wanted_gb": 4,
        "reason": "2 pools fit",
        "filters": [
            {
                "filter": "availability_zone",
                "considered": 4,
                "rejected_count": 1,
                "rejected": [{"pool": "h@far#p", "why": "zone west, not east"}],
            },
            {
                "filter": "capacity",
                "considered": 3,
                "rejected_count": 1,
                "rejected": [{"pool": "h@near#full", "why": "4 GiB asked, 1.5 GiB left"}],
            },
        ],
        "weighers": [
            {
                "weigher": "capacity",
                "multiplier": 1.0,
                "weights": {
                    "h@near#a": {"raw": 12.5, "share": 1.0},
                    "h@near#b": {"raw": None, "share": 0.0},
                },
            }
        ],
        "ranked_count": 2,
        "ranked": [{"pool": "h@near#a", "weight": 1.0}, {"pool": "h@near#b", "weight": 0.0}],
        "chosen": "h@near#a",
        "conflicts": [],
        "set_aside": [],
        **changes,
    }


class TestExplain(TestCase):
    def test_each_pool_is_shown_with_results_scores_and_order(self) -> None:
        self.assertEqual(
            [
                "Decision: 4 GiB on h@near#a",
                "",
                "  Pool         availability_zone  capacity  capacity x1         total  order",
                "  -----------  -----------------  --------  ------------------  -----  -----------",
                "  h@near#a     yes                yes       12.50 -> 1.000      1.000  1st, chosen",
                "  h@near#b     yes                yes       unbounded -> 0.000  0.000  2nd",
                "  h@near#full  yes                NO",
                "  h@far#p      NO",
                "",
                "Rejected",
                "  Pool         by                 because",
                "  -----------  -----------------  -------------------------",
                "  h@near#full  capacity           4 GiB asked, 1.5 GiB left",
                "  h@far#p      availability_zone  zone west, not east",
            ],
            explanation.explain(a_decision()),
        )

    def test_a_pool_that_another_request_claimed_is_marked(self) -> None:
        lines = explanation.explain(a_decision(chosen="h@near#b", conflicts=["h@near#a"]))
        self.assertIn("1st, claimed by another request meanwhile", lines[4])
        self.assertIn("2nd, chosen", lines[5])

    def test_a_dry_run_shows_the_best_pool(self) -> None:
        self.assertEqual("Decision: 4 GiB would go to h@near#a", explanation.explain(a_decision(chosen=None))[0])

    def test_a_refusal_shows_how_many_pools_each_filter_rejected(self) -> None:
        lines = explanation.explain(a_decision(ranked=[], ranked_count=0, weighers=[], chosen=None))
        self.assertEqual(
            [
                "Decision: no pool for 4 GiB",
                "  availability_zone rejected 1 of 4",
                "  capacity rejected 1 of 3",
                "",
            ],
            lines[:4],
        )

    def test_without_pools_the_reason_is_shown(self) -> None:
        empty = a_decision(
            filters=[], ranked=[], ranked_count=0, weighers=[], chosen=None, reason="no pool has reported"
        )
        self.assertEqual(["Decision: no pool for 4 GiB", "  no pool has reported", ""], explanation.explain(empty))

    def test_pools_that_were_not_considered_are_named(self) -> None:
        lines = explanation.explain(a_decision(set_aside=[{"name": "h@odd", "why": "no mapping"}]))
        self.assertIn("  h@odd  no mapping", lines)

    def test_many_pools_are_cut_and_counted(self) -> None:
        ranked = [{"pool": f"h@b#{number}", "weight": 0.0} for number in range(100)]
        lines = explanation.explain(a_decision(ranked=ranked, ranked_count=5000, weighers=[]))
        self.assertIn("  and 4962 more pools (-f json shows every one that was kept)", lines)

    def test_ordinals_are_english(self) -> None:
        self.assertEqual(
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "113th"],
            [explanation.ordinal(place) for place in (1, 2, 3, 4, 11, 12, 13, 21, 102, 113)],
        )
