"""Where the truth is kept."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "database"
HELP = "Where volumes, pools, claims and decisions are kept."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.StrOpt(
            "connection",
            default="sqlite:///${paths.state_path}/volsched.db",
            secret=True,
            help="SQLAlchemy's URL of the database: sqlite:////PATH, postgresql+psycopg://USER:PASSWORD@HOST/NAME or "
            "mysql+pymysql://USER:PASSWORD@HOST/NAME. A $ in a password is written $$. ``file:/PATH``: the file that "
            "holds it. TLS is asked for in the query; see *Security* in the documentation.",
        ),
    ]
