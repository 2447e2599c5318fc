"""Values that are stored or sent: plain data and back, and rows of other versions."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest
from volsched.model.event import Event, Priority
from volsched.model.group import Group, GroupStatus
from volsched.model.request import Retry, VolumeType
from volsched.model.serialization import Serializable, plain
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Lease

TEXT = st.text(max_size=8)
MAYBE = st.none() | TEXT
SIZE = st.integers(0, 2**31 - 1)
NAMES = st.dictionaries(TEXT, TEXT, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
WHO = {"id": TEXT, "project_id": TEXT, "user_id": TEXT}
VALUES = st.one_of(
    st.builds(
        Volume, **WHO, size_gb=SIZE, status=st.sampled_from(VolumeStatus), name=MAYBE, host=MAYBE, metadata=NAMES,
        bootable=st.booleans(), created_at=MAYBE,
    ),
    st.builds(Snapshot, **WHO, status=st.sampled_from(SnapshotStatus), volume_id=TEXT, size_gb=SIZE, name=MAYBE),
    st.builds(
        Group, **WHO, status=st.sampled_from(GroupStatus), volume_type_ids=st.lists(TEXT, max_size=3).map(tuple)
    ),
    st.builds(
        Event, id=TEXT, event_type=TEXT, priority=st.sampled_from(Priority), occurred_at=TEXT, publisher=TEXT,
        volume_id=MAYBE, payload=st.dictionaries(TEXT, JSON, max_size=3),
    ),
    st.builds(Lease, work_id=TEXT, owner=TEXT, attempt=st.integers(0, 99), until=st.datetimes()),
    st.builds(
        Retry, num_attempts=st.integers(0, 99), backends=st.lists(TEXT, max_size=3).map(tuple), hosts=st.just(()),
        exc=MAYBE,
    ),
    st.builds(VolumeType, id=MAYBE, name=MAYBE, extra_specs=NAMES, qos_specs=st.none() | NAMES),
)  # fmt: skip


class TestValues(TestCase):
    @given(VALUES)
    def test_a_value_survives_json(self, value: Serializable) -> None:
        text = json.dumps(value.plain(), allow_nan=False)
        self.assertEqual(value, type(value).parse(json.loads(text)))
        self.assertEqual(json.loads(json.dumps(plain(value))), json.loads(text))

    @given(VALUES)
    def test_keys_of_newer_versions_are_ignored(self, value: Serializable) -> None:
        self.assertEqual(value, type(value).parse({**value.plain(), "added_later": [1]}))

    def test_a_value_is_returned_as_it_is(self) -> None:
        value = Retry(num_attempts=1)
        self.assertIs(value, Retry.parse(value))

    def test_a_read_only_mapping_is_written_as_a_dict(self) -> None:
        kind = VolumeType(extra_specs=MappingProxyType({"a": MappingProxyType({"b": (1,)})}))
        self.assertEqual({"a": {"b": [1]}}, json.loads(json.dumps(kind.plain()))["extra_specs"])

    def test_rows_of_the_first_version_are_readable(self) -> None:
        lease = {"work_id": "w", "owner": "o", "attempt": 2, "until": "2026-03-01T12:00:00.000123"}
        self.assertEqual(datetime(2026, 3, 1, 12, 0, 0, 123), Lease.parse(lease).until)
        volume = {"id": "v", "project_id": "p", "user_id": "u", "size_gb": 1, "status": "error_extending"}
        self.assertIs(VolumeStatus.ERROR_EXTENDING, Volume.parse(volume).status)

    def test_a_wrong_type_is_refused_with_the_path(self) -> None:
        volume: dict[str, Any] = {"id": "v", "project_id": "p", "user_id": "u", "size_gb": 1, "status": "error"}
        for changes, text in (
            ({"size_gb": "1"}, "^volume.size_gb: expected int, got str$"),
            ({"status": "gone"}, "^volume.status: invalid enum value 'gone'$"),
            ({"metadata": {"a": 1}}, r"^volume.metadata\[...\]: expected str, got int$"),
            ({"id": None}, "^volume.id: expected str, got null$"),
        ):
            with self.subTest(changes=changes), self.assertRaisesRegex(InvalidRequest, text):
                Volume.parse({**volume, **changes})
        for given_value in ({}, [], "v", None, 5):
            with self.subTest(given_value=given_value), self.assertRaisesRegex(InvalidRequest, "^volume: "):
                Volume.parse(given_value)  # type: ignore[arg-type]


class Color(StrEnum):
    RED = "red"


class TestPlain(TestCase):
    def test_every_kind_of_value(self) -> None:
        for value, expected in (
            (float("inf"), "inf"),
            (float("nan"), "nan"),
            (Color.RED, "red"),
            ({1: (2, 3)}, {"1": [2, 3]}),
            (datetime(2026, 3, 1), "2026-03-01T00:00:00"),
            (ValueError("text"), "text"),
            (MappingProxyType({"a": frozenset({1})}), {"a": [1]}),
        ):
            with self.subTest(value=value):
                self.assertEqual(expected, plain(value))
