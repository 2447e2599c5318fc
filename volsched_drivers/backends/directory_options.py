"""The options of the directory backend; apart from it, so that oslo.config is imported only where they are read."""

from __future__ import annotations

from oslo_config import cfg, types

GIB = 1024**3
RATIO = types.String(regex=r"^(auto|[0-9]+(\.[0-9]+)?)$")


def options() -> list[cfg.Opt]:
    """Fresh options, without a group."""
    return [*_place(), *_room(), *_words()]


def _place() -> list[cfg.Opt]:
    return [
        cfg.StrOpt(
            "path",
            required=True,
            help="The directory that holds the pools. It is made where it is missing.",
        ),
        cfg.ListOpt(
            "pools",
            required=True,
            help="The pools, each a directory under `path`. A pool's directory is made where it is missing, and may "
            "be a mount point, but no symbolic link.",
        ),
        cfg.ListOpt(
            "thick_pools",
            default=[],
            help="The pools whose volumes have all their blocks from the start. Volumes of the others are sparse.",
        ),
        cfg.StrOpt(
            "volume_backend_name",
            help="The name that volume types ask for with the extra spec of this name.",
        ),
        cfg.IntOpt(
            "unit_bytes",
            default=GIB,
            min=4096,
            advanced=True,
            help="For demonstrations and tests: how many bytes are kept for each GiB of a volume's size. With "
            "1048576 a volume of 10 GiB is a file of 10 MiB, and every figure is reported accordingly.",
        ),
    ]


def _room() -> list[cfg.Opt]:
    return [
        cfg.Opt(
            "pool_size_gb",
            type=types.Dict(types.Float(min=0)),
            default={},
            sample_default="gold:500,silver:2000",
            help="How many GiB each pool may hold. A pool that is not listed, or has 0, has what its file system has.",
        ),
        cfg.Opt(
            "max_over_subscription_ratio",
            type=RATIO,
            help="How many times over a thin pool may be promised: a number of at least 1, or auto. Without it the "
            "scheduler's own default counts.",
        ),
        cfg.Opt(
            "pool_max_over_subscription_ratio",
            type=types.Dict(RATIO),
            default={},
            sample_default="silver:2.5",
            help="The same for single pools.",
        ),
        cfg.IntOpt(
            "reserved_percentage",
            default=0,
            min=0,
            max=100,
            help="How much of a pool is held back from volumes, in percent.",
        ),
        cfg.Opt(
            "pool_reserved_percentage",
            type=types.Dict(types.Integer(min=0, max=100)),
            default={},
            sample_default="gold:10",
            help="The same for single pools.",
        ),
    ]


def _words() -> list[cfg.Opt]:
    return [
        cfg.StrOpt(
            "filter_function",
            help="An expression: only volumes for which it is true are placed here. Used by the filter `driver`.",
        ),
        cfg.MultiStrOpt(
            "pool_filter_function",
            default=[],
            sample_default=["gold: volume.size >= 10"],
            help="The same for single pools: the pool's name, a colon, the expression; one line each.",
        ),
        cfg.StrOpt(
            "goodness_function",
            help="An expression that gives 0 to 100: how well a volume suits here. Used by the weigher `goodness`.",
        ),
        cfg.MultiStrOpt(
            "pool_goodness_function",
            default=[],
            sample_default=["gold: volume.size < 100 ? 80 : 20"],
            help="The same for single pools: the pool's name, a colon, the expression; one line each.",
        ),
        cfg.DictOpt(
            "extra_capabilities",
            default={},
            sample_default="media:ssd,tier:1",
            help="Capabilities that every pool reports beside its own, for the extra specs of volume types.",
        ),
        cfg.DictOpt(
            "pool_capabilities",
            default={},
            sample_default="gold/media:ssd,silver/media:hdd",
            help="The same for single pools, each with the pool's name and a slash before it.",
        ),
    ]
