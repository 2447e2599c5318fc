"""Tests of the checks of installed packages, over packages that are installed for them."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
from pathlib import Path

import tests
from volsched.ops.doctor.packages import Verified, _unmet, _verified


class TestVerified(tests.TestCase):
    """A package of three files, as pip leaves it behind."""

    def setUp(self) -> None:
        super().setUp()
        self.site = self.folder()
        self.info = self.site / "acme-1.0.dist-info"
        (self.site / "acme").mkdir()
        self.info.mkdir()
        texts = {"acme/__init__.py": "", "acme/rack.py": "x = 1\n", "acme-1.0.dist-info/METADATA": METADATA}
        for name, text in texts.items():
            (self.site / name).write_text(text)
        lines = [f"{name},{mark(self.site / name)},{len(text)}" for name, text in texts.items()]
        lines += ["acme-1.0.dist-info/RECORD,,", "acme/__pycache__/rack.pyc,,"]
        (self.info / "RECORD").write_text("\n".join(lines) + "\n")

    def verified(self) -> Verified:
        return _verified("acme", importlib.metadata.Distribution.at(self.info))

    def test_as_installed(self) -> None:
        found = self.verified()
        self.assertTrue(found.well)
        self.assertEqual((3, None), (found.files, found.note))

    def test_changed_missing_and_put_there(self) -> None:
        (self.site / "acme" / "rack.py").write_text("x = 2\n")
        (self.site / "acme" / "__init__.py").unlink()
        (self.site / "acme" / "extra.py").write_text("")
        found = self.verified()
        self.assertFalse(found.well)
        self.assertEqual(("acme/rack.py",), found.changed)
        self.assertEqual(("acme/__init__.py",), found.missing)
        self.assertEqual(("acme/extra.py",), found.unrecorded)

    def test_an_editable_install(self) -> None:
        origin = {"url": "file:///srv/acme%20rack", "dir_info": {"editable": True}}
        (self.info / "direct_url.json").write_text(json.dumps(origin))
        (self.site / "acme" / "rack.py").write_text("x = 2\n")
        found = self.verified()
        self.assertTrue(found.well)
        self.assertEqual("an editable installation of /srv/acme rack: its files are not recorded", found.note)

    def test_no_record(self) -> None:
        (self.info / "RECORD").unlink()
        self.assertEqual("the package has no RECORD of its files", self.verified().note)

    def test_what_it_needs(self) -> None:
        self.assertEqual(
            [("acme-sdk>=2", None), ("oslo.config<1", importlib.metadata.version("oslo.config"))],
            list(_unmet(importlib.metadata.Distribution.at(self.info))),
        )


METADATA = """\
Metadata-Version: 2.1
Name: acme
Version: 1.0
Requires-Dist: acme-sdk>=2
Requires-Dist: oslo.config<1
Requires-Dist: numpy
Requires-Dist: only-on-a-mac; sys_platform == "darwin"
Requires-Dist: only-for-tests; extra == "test"
Requires-Dist: what is this
"""


def mark(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
