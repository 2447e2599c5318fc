"""The compute service, which is asked where an instance runs."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "compute"
HELP = "The compute service. The filter instance_locality asks it where an instance runs; nothing else does."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.StrOpt(
            "auth_url",
            default="",
            help="The identity service that knows the compute service, e.g. https://keystone.example.org/v3. Empty: no "
            "compute service is asked, and a request with the hint local_to_instance is refused.",
        ),
        cfg.StrOpt("username", help="An account that the compute service's policy lets see where instances run."),
        cfg.StrOpt("password", secret=True, help="The account's password."),
        cfg.StrOpt("user_domain_name", default="Default", help="The domain of the account."),
        cfg.StrOpt("project_name", default="service", help="The project that the account acts in."),
        cfg.StrOpt("project_domain_name", default="Default", help="The domain of that project."),
        cfg.StrOpt("region_name", help="The region whose compute service is asked. Without it: the only one there is."),
        cfg.StrOpt(
            "interface",
            default="internal",
            choices=("public", "internal", "admin"),
            help="Which of the compute service's addresses is used.",
        ),
        cfg.StrOpt("endpoint_override", help="The compute service's address, where it is not the catalogue's."),
        cfg.StrOpt(
            "cafile", help="The authorities whose certificates are trusted, a PEM file. Without it: the system's."
        ),
        cfg.FloatOpt("timeout", default=5.0, min=0.1, help="How many seconds an answer may take."),
    ]
