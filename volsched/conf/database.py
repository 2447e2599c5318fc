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
            sample_default="sqlite:////var/lib/volsched/volsched.db",
            secret=True,
            help="SQLAlchemy's URL of the database: postgresql+psycopg://USER:PASSWORD@HOST/NAME, "
            "mysql+pymysql://USER:PASSWORD@HOST/NAME or sqlite:////PATH. Without it, the file volsched.db in "
            "[paths] state_path is used. Write a $ in a password as $$. ``file:/PATH`` names a file that holds the "
            "URL. Ask for TLS in the query of the URL; see *Security* in the documentation.",
        ),
    ]
