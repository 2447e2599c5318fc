"""A storage backend that keeps volumes as files: a directory for each pool, real figures from the file system."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.exceptions import ExpressionError, InvalidRequest, StorageError
from volsched.plugins import Attempt, Managed, StorageBackend, StoredVolume, Volume
from volsched_drivers.backends.attempt_files import OPEN_TO_READ
from volsched_drivers.backends.files import NOT_MARKED, Figures, PoolFolder

if TYPE_CHECKING:
    from oslo_config import cfg

LOG = logging.getLogger(__name__)

GIB = 1024**3
POOL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
DRIVER_VERSION = "2.0"
#: What the offers of this driver's volumes are.
KIND = "file"
#: What a pool says of itself; extra capabilities may not say otherwise.
OWN_WORDS = frozenset(
    {
        "QoS_support",
        "allocated_capacity_gb",
        "backend_state",
        "driver_version",
        "filter_function",
        "free_capacity_gb",
        "goodness_function",
        "location_info",
        "max_over_subscription_ratio",
        "multiattach",
        "online_extend_support",
        "pool_name",
        "pools",
        "problem",
        "provisioned_capacity_gb",
        "reserved_percentage",
        "storage_protocol",
        "thick_provisioning_support",
        "thin_provisioning_support",
        "timestamp",
        "total_capacity_gb",
        "total_volumes",
        "vendor_name",
        "volume_backend_name",
    }
)


class DirectoryBackend(StorageBackend):
    """Each pool is a directory under `path`, each volume a file `volume-<id>` in it.

    A thin pool's volumes are sparse files, those of a thick pool have all their blocks. Pools without a size of their
    own in one file system report the same free space: give each a size, or its own file system.
    """

    contract = (2, 0)
    capabilities = frozenset({"CLONE", "MIGRATE", "SNAPSHOT"})

    def __init__(
        self,
        *,
        path: str,
        pools: Sequence[str],
        thick_pools: Sequence[str] = (),
        pool_size_gb: Mapping[str, float] | None = None,
        max_over_subscription_ratio: str | None = None,
        pool_max_over_subscription_ratio: Mapping[str, str] | None = None,
        reserved_percentage: int = 0,
        pool_reserved_percentage: Mapping[str, int] | None = None,
        filter_function: str | None = None,
        pool_filter_function: Sequence[str] = (),
        goodness_function: str | None = None,
        pool_goodness_function: Sequence[str] = (),
        extra_capabilities: Mapping[str, str] | None = None,
        pool_capabilities: Mapping[str, str] | None = None,
        volume_backend_name: str | None = None,
        unit_bytes: int = GIB,
    ) -> None:
        self.path = path
        self.pools = tuple(pools)
        self.thick_pools = frozenset(thick_pools)
        self.sizes = dict(pool_size_gb or {})
        self.ratio = max_over_subscription_ratio
        self.ratios = dict(pool_max_over_subscription_ratio or {})
        self.reserved = reserved_percentage
        self.reserved_of = dict(pool_reserved_percentage or {})
        self.functions = {"filter_function": filter_function, "goodness_function": goodness_function}
        self.function_lines = {
            "filter_function": tuple(pool_filter_function),
            "goodness_function": tuple(pool_goodness_function),
        }
        self.extra = dict(extra_capabilities or {})
        self.extra_of = dict(pool_capabilities or {})
        self.volume_backend_name = volume_backend_name
        self.unit = unit_bytes
        self._storage_ids: dict[str, str] = {}  # that the pools' markers must have, once `identify` was called

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from volsched_drivers.backends.directory_options import options

        return options()

    # -- life

    def validate(self) -> list[str]:
        return [*self._problems_of_names(), *self._problems_of_functions(), *self._problems_of_values()]

    def identify(self, expected: Mapping[str, str | None]) -> Mapping[str, str | None]:
        """Each pool's marker. A pool that cannot be read, or must not be marked, has None."""
        found: dict[str, str | None] = {}
        for pool in self.pools:
            wanted = expected.get(pool)
            try:
                found[pool] = self._folder(pool).identify(wanted, self.unit)
            except StorageError as problem:
                LOG.debug("pool %s cannot be identified: %s", pool, problem)
                found[pool] = None
            self._storage_ids[pool] = wanted or found[pool] or NOT_MARKED
        return found

    def health(self) -> str | None:
        for pool in self._storage_ids:
            try:
                self._folder(pool).figures()
            except StorageError as problem:
                return str(problem)
        return None

    # -- what it reports

    def report(self) -> Mapping[str, Any]:
        """Return the pools; one that cannot be measured is down, without room and with its problem."""
        pools = []
        for pool in self.pools:
            folder = self._folder(pool)
            try:
                folder.sweep()
                figures = folder.figures()
            except StorageError as problem:
                LOG.warning("pool %s is shown as down: %s", pool, problem)
                pools.append(self._words_of_a_lost_pool(pool, problem))
            else:
                pools.append(self._words_of_a_pool(pool, figures))
        return {
            "vendor_name": "volsched",
            "driver_version": DRIVER_VERSION,
            "storage_protocol": "file",
            **({"volume_backend_name": self.volume_backend_name} if self.volume_backend_name else {}),
            **self.functions,
            "pools": pools,
        }

    def _words_of_a_pool(self, pool: str, figures: Figures) -> dict[str, Any]:
        return {
            **self._settled_words(pool),
            "total_capacity_gb": self._rounded(figures.total, math.floor),
            "free_capacity_gb": self._rounded(figures.free, math.floor),
            "provisioned_capacity_gb": self._rounded(figures.provisioned, math.ceil),
            "allocated_capacity_gb": sum(self._units(size) for size in figures.volumes),
            "total_volumes": len(figures.volumes),
            "backend_state": "up",
        }

    def _words_of_a_lost_pool(self, pool: str, problem: StorageError) -> dict[str, Any]:
        nothing = dict.fromkeys(
            ("total_capacity_gb", "free_capacity_gb", "provisioned_capacity_gb", "allocated_capacity_gb"), 0
        )
        return {**self._settled_words(pool), **nothing, "backend_state": "down", "problem": problem.problem}

    def _settled_words(self, pool: str) -> dict[str, Any]:
        """What the configuration alone decides."""
        thick = pool in self.thick_pools
        ratio = None if thick else self.ratios.get(pool, self.ratio)
        own = dict(self._own_functions())
        extra = {key.partition("/")[2]: value for key, value in self.extra_of.items() if key.startswith(f"{pool}/")}
        return {
            **self.extra,
            **extra,
            "pool_name": pool,
            "thin_provisioning_support": not thick,
            "thick_provisioning_support": thick,
            "reserved_percentage": self.reserved_of.get(pool, self.reserved),
            **({"max_over_subscription_ratio": ratio} if ratio else {}),
            **{kind: own[kind, pool] for kind in self.functions if (kind, pool) in own},
            "QoS_support": False,
            "multiattach": False,
            "online_extend_support": True,
            "location_info": f"DirectoryBackend:{socket.gethostname()}:{self.path}:{pool}",
        }

    def _rounded(self, size: int, direction: Callable[[float], int]) -> float:
        """Units to 2 places: towards less where room is meant, towards more where use is."""
        return direction(size * 100 / self.unit) / 100

    def _units(self, size: int) -> int:
        return -(-size // self.unit)

    # -- what it does

    def list_volumes(self) -> Iterator[StoredVolume]:
        for pool in self.pools:
            folder = self._folder(pool)
            for file in folder.published():
                yield StoredVolume(
                    id=file.id,
                    pool=pool,
                    size_gb=file.size / self.unit,
                    location=os.path.join(folder.path, file.name),
                    is_snapshot=file.kind == "snapshot",
                )

    def create_volume(self, attempt: Attempt) -> str:
        folder = self._known(attempt.pool)
        folder.create(attempt, self._bytes(attempt.volume.size_gb))
        return folder.location(attempt.volume.id)

    def delete_volume(self, attempt: Attempt) -> None:
        self._known(attempt.pool).delete(attempt, attempt.volume.id)

    def extend_volume(self, attempt: Attempt, new_size_gb: int) -> None:
        self._known(attempt.pool).extend(attempt, self._bytes(new_size_gb), self._least(attempt.volume))

    def manage_existing(self, attempt: Attempt, ref: Mapping[str, str]) -> Managed:
        """`ref` is {"source-name": the file's path in the pool}. The file is renamed, and grows to whole GiB."""
        source = ref.get("source-name")
        if not isinstance(source, str) or len(ref) != 1:
            raise InvalidRequest("ref", f"{dict(ref)!r} names no file: give source-name, the file's path in the pool")
        folder = self._known(attempt.pool)
        size = folder.adopt(attempt, source, self.unit)
        return Managed(size_gb=self._units(size), provider_location=folder.location(attempt.volume.id))

    def offer(self, attempt: Attempt) -> Mapping[str, str]:
        """A file of this machine, by its path and by what the file system itself calls it."""
        folder, volume = self._known(attempt.pool), attempt.volume
        with folder.holding(volume.id, at_least=self._least(volume)) as file:
            return {
                "kind": KIND,
                "machine": socket.gethostname(),
                "path": folder.location(volume.id),
                "file": _identity(file),
                "unit_bytes": str(self.unit),
            }

    def migrate(self, attempt: Attempt, offer: Mapping[str, str]) -> str:
        """From any directory backend on the same machine that counts in the same unit."""
        folder, volume = self._known(attempt.pool), attempt.volume
        self._check_offer(offer)
        with self._offered(offer) as source:
            folder.copy_in(attempt, volume.id, source, os.fstat(source).st_size, compare=True)
        return folder.location(volume.id)

    def _check_offer(self, offer: Mapping[str, str]) -> None:
        if offer.get("kind") != KIND:
            raise InvalidRequest(
                "offer", f"a directory backend cannot read from a backend of kind {offer.get('kind')!r}"
            )
        here = socket.gethostname()
        if offer.get("machine") != here:
            raise InvalidRequest(
                "offer", f"the volume is a file of machine {offer.get('machine')!r}, which cannot be read from {here!r}"
            )
        if offer.get("unit_bytes") != str(self.unit):
            raise InvalidRequest("offer", f"unit_bytes is {offer.get('unit_bytes')} there and {self.unit} here")

    @contextlib.contextmanager
    def _offered(self, offer: Mapping[str, str]) -> Iterator[int]:
        """The very file that was offered, open for reading."""
        path = offer.get("path", "")
        try:
            file = os.open(path, OPEN_TO_READ)
        except OSError as problem:
            raise StorageError(self._label, f"{path}, to be copied: {problem.strerror}") from problem
        try:
            if _identity(file) != offer.get("file"):
                raise StorageError(self._label, f"{path} is not the file that was offered: look at it, and try again")
            yield file
        finally:
            os.close(file)

    def snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        """A file beside the volume's, with shared blocks where the file system can share them."""
        folder, volume = self._known(attempt.pool), attempt.volume
        with folder.holding(volume.id, at_least=self._least(volume)) as source:
            folder.copy_in(attempt, snapshot_id, source, os.fstat(source).st_size, kind="snapshot")

    def delete_snapshot(self, attempt: Attempt, snapshot_id: str) -> None:
        self._known(attempt.pool).delete(attempt, snapshot_id, "snapshot")

    def create_from_snapshot(self, attempt: Attempt, snapshot_id: str) -> str:
        return self._copy_of(attempt, snapshot_id, "snapshot")

    def clone(self, attempt: Attempt, source: Volume) -> str:
        return self._copy_of(attempt, source.id, "volume", self._least(source))

    def _copy_of(self, attempt: Attempt, id: str, kind: str, at_least: int = 0) -> str:
        folder, volume = self._known(attempt.pool), attempt.volume
        with folder.holding(id, kind, at_least) as source:
            size = max(self._bytes(volume.size_gb), os.fstat(source).st_size)
            folder.copy_in(attempt, volume.id, source, size)
        return folder.location(volume.id)

    def _least(self, volume: Volume) -> int:
        """How many bytes the volume's file has, unless it was cut. Every file has whole units."""
        return volume.size_gb * self.unit

    def _bytes(self, size_gb: int) -> int:
        if size_gb <= 0:
            raise InvalidRequest("size", f"{size_gb} GiB: a volume has at least 1")
        return size_gb * self.unit

    def _known(self, pool: str) -> PoolFolder:
        if pool not in self.pools:
            raise StorageError(
                self._label, f"no pool {pool!r} in the configuration, which has: {', '.join(self.pools)}"
            )
        return self._folder(pool)

    def _folder(self, pool: str) -> PoolFolder:
        limit = int(float(self.sizes.get(pool, 0)) * self.unit)
        return PoolFolder(
            label=self._label,
            root=self.path,
            name=pool,
            thick=pool in self.thick_pools,
            limit=limit,
            storage_id=self._storage_ids.get(pool),
        )

    @property
    def _label(self) -> str:
        return self.volume_backend_name or f"directory {self.path}"

    # -- what can be wrong with its options

    def _own_functions(self) -> Iterator[tuple[tuple[str, str], str]]:
        """((kind, pool), text) of each line `pool: text`."""
        for kind, lines in self.function_lines.items():
            for line in lines:
                pool, _, text = line.partition(":")
                yield (kind, pool.strip()), text.strip()

    def _problems_of_names(self) -> Iterator[str]:
        if not os.path.isabs(self.path) or "\0" in self.path:
            yield f"path {self.path!r} is not absolute: give the whole path of the directory that holds the pools"
        if not self.pools:
            yield "pools is empty: name at least one pool"
        for pool in self.pools:
            if not POOL_NAME.fullmatch(pool):
                yield f"pools: {pool!r} is no pool name: use up to 63 letters, digits, '.', '_' and '-', no '.' first"
        for pool in sorted({pool for pool in self.pools if self.pools.count(pool) > 1}):
            yield f"pools: {pool!r} is named more than once"
        named: dict[str, set[str]] = {
            "thick_pools": set(self.thick_pools),
            "pool_size_gb": set(self.sizes),
            "pool_max_over_subscription_ratio": set(self.ratios),
            "pool_reserved_percentage": set(self.reserved_of),
            "pool_capabilities": {key.partition("/")[0] for key in self.extra_of},
        }
        for (kind, pool), _ in self._own_functions():
            named.setdefault(f"pool_{kind}", set()).add(pool)
        for option, names in named.items():
            for unknown in sorted(names.difference(self.pools)):
                yield f"{option}: {unknown!r} is not one of the pools ({', '.join(self.pools)})"

    def _problems_of_functions(self) -> Iterator[str]:
        for kind, lines in self.function_lines.items():
            texts: list[tuple[str, str | None]] = [(kind, self.functions[kind])]
            for line in lines:
                own = line.partition(":")[2].strip()
                if not own:
                    yield f"pool_{kind}: {line!r} is no pool's expression: give `pool: expression`"
                texts.append((f"pool_{kind}", own))
            for option, text in texts:
                problem = _unreadable(text) if text else None
                if problem:
                    yield f"{option}: {problem}"

    def _problems_of_values(self) -> Iterator[str]:
        for pool, size in self.sizes.items():
            if not _is_number(size) or not 0 <= float(size) < math.inf:
                yield f"pool_size_gb: {size!r} of {pool!r} is no size: give GiB, 0 for all that the file system has"
        for where, ratio in _each("max_over_subscription_ratio", self.ratio, self.ratios):
            if ratio is not None and ratio != "auto" and not (_is_number(ratio) and 1 <= float(ratio) < math.inf):
                yield f"{where}: {ratio!r} is no ratio: give a number of at least 1, or auto"
        for where, share in _each("reserved_percentage", self.reserved, self.reserved_of):
            if not _is_number(share) or not 0 <= float(share) <= 100:
                yield f"{where}: {share!r} is no percentage: give 0 to 100"
        extra = (*self.extra, *(key.partition("/")[2] for key in self.extra_of))
        for key in sorted({key for key in extra if key in OWN_WORDS or not key}):
            yield f"extra capabilities: {key!r} cannot be given here: the backend reports it itself, or it is empty"
        if self.unit < 4096:
            yield f"unit_bytes: {self.unit} is too small: give at least 4096"


def _identity(file: int) -> str:
    """What the file system itself calls an open file."""
    facts = os.fstat(file)
    return f"{facts.st_dev}:{facts.st_ino}"


def _unreadable(text: str) -> str | None:
    """Why no scheduler could read the expression, whichever dialect it is set to; None where one can."""
    from volsched.languages.expressions import Dialect, compile_expression

    problem = None
    for dialect in Dialect:
        try:
            compile_expression(text, dialect)
        except ExpressionError as found:
            problem = str(found)
        else:
            return None
    return problem


def _each(option: str, everywhere: object, of_pools: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(where it was set, the value) of an option that can be set for all pools and for single ones."""
    yield option, everywhere
    for pool, value in of_pools.items():
        yield f"pool_{option} of {pool!r}", value


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError):
        return False
    return True
