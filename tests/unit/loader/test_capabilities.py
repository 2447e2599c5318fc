"""A plugin that declares what it cannot do is refused before it is asked to."""

from __future__ import annotations

from tests import TestCase
from tests.unit.loader.packages import Site

FILTER = """
    from volsched.plugins import PoolFilter

    class RackFilter(PoolFilter):
        contract = (1, 0)
        capabilities = {capabilities}

        def rejects(self, request, pool):
            return None

        def dry_run(self):
            return None
"""

BACKEND = """
    from volsched.plugins import StorageBackend

    class Shelf(StorageBackend):
        contract = (2, 0)
        capabilities = frozenset({{"MIGRATE", "SNAPSHOT", "CLONE"}})

        def nothing(self, *given):
            raise NotImplementedError

        report = list_volumes = create_volume = delete_volume = extend_volume = manage_existing = nothing
        {methods} = nothing
"""


class TestCapabilities(TestCase):
    def problems(self, filters: str, backend: str = "", source: str = BACKEND) -> list[str]:
        site = Site(self.folder())
        modules = {"acme_rack": FILTER.format(capabilities=filters)}
        points = {"volsched.filters": {"rack": "acme_rack:RackFilter"}}
        text = "[scheduler]\nfilters = rack\n"
        if backend:
            modules["acme_shelf"] = source.format(methods=backend)
            points["volsched.backends"] = {"shelf": "acme_shelf:Shelf"}
            text += "[agent]\nbackends = shelf\n"
        site.publish("acme-rack", "2.0", modules=modules, entry_points=points)
        status, found = site.check(text)
        fatal = [f"{it['Code']} {it['Where']}: {it['Problem']}" for it in found if it["Severity"] == "error"]
        self.assertEqual(2 if fatal else 0, status)
        return fatal

    def test_what_is_declared_must_be_there(self) -> None:
        self.assertEqual([], self.problems("frozenset({'DRY_RUN'})"))
        for declared, said in (
            ("frozenset({'RETYPE'})", "declares capabilities whose methods are missing: RETYPE without retype()"),
            ("frozenset({'RETYPE', 'DRY_RUN', 'GROUP'})", "GROUP without group(), RETYPE without retype()"),
            ("{'DRY_RUN'}", "expected capabilities as a frozenset of names"),
            ("'DRY_RUN'", "expected capabilities as a frozenset of names"),
            ("frozenset({1})", "expected capabilities as a frozenset of names"),
        ):
            with self.subTest(declared):
                (problem,) = self.problems(declared)
                self.assertIn("VS112 filter rack of acme-rack 2.0: acme_rack:RackFilter", problem)
                self.assertIn(said, problem)

    def test_a_backend_that_cannot_be_fenced_is_refused(self) -> None:
        methods = "offer = migrate = snapshot = delete_snapshot = create_from_snapshot = clone"
        site_of_old = BACKEND.replace("contract = (2, 0)", "contract = (1, 0)").replace("list_volumes = ", "")
        (problem,) = self.problems("frozenset()", methods, source=site_of_old)
        self.assertIn(
            "VS106 backend shelf of acme-rack 2.0: written for contract 1.0, but this volsched offers 2.0", problem
        )

    def test_a_backend_has_every_method_of_what_it_declares(self) -> None:
        complete = "offer = migrate = snapshot = delete_snapshot = create_from_snapshot = clone"
        self.assertEqual([], self.problems("frozenset()", complete))
        (problem,) = self.problems("frozenset()", "migrate = snapshot = delete_snapshot")
        self.assertIn("backend shelf of acme-rack 2.0", problem)
        said = "CLONE without clone(), MIGRATE without offer(), SNAPSHOT without create_from_snapshot()"
        self.assertIn(f"declares capabilities whose methods are missing: {said}", problem)
