"""A client of the compute API, which returns the host of an instance."""

from __future__ import annotations

from typing import Any

from keystoneauth1 import exceptions as errors
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from volsched.exceptions import InstanceNotLocated

#: The attribute with the host, which the compute API returns if its policy allows: to administrators by default.
HOST_ATTRIBUTE = "OS-EXT-SRV-ATTR:host"


def session_for(
    auth_url: str,
    *,
    username: str | None,
    password: str | None,
    user_domain_name: str,
    project_name: str,
    project_domain_name: str,
    cafile: str | None = None,
    timeout: float,
) -> Session:
    """Return a session with these credentials and timeout. It connects at the first request."""
    account = Password(
        auth_url,
        username=username,
        password=password,
        user_domain_name=user_domain_name,
        project_name=project_name,
        project_domain_name=project_domain_name,
    )
    return Session(auth=account, verify=cafile or True, timeout=timeout)


class ComputeApi:
    """Finds the hosts of instances, with one request for each, bounded by the session's `timeout`."""

    def __init__(
        self,
        session: Session,
        *,
        region_name: str | None = None,
        interface: str = "internal",
        endpoint_override: str | None = None,
    ) -> None:
        self._adapter = Adapter(
            session,
            service_type="compute",
            interface=interface,
            region_name=region_name,
            endpoint_override=endpoint_override,
            connect_retries=0,
        )

    def instance_host(self, instance_id: str) -> str:
        """Return the hypervisor host of an instance. Raises InstanceNotLocated, whose `kind` is the reason."""
        try:
            answer = self._adapter.get(f"/servers/{instance_id}")
            server = answer.json()["server"]
        except errors.NotFound:
            raise InstanceNotLocated(instance_id, "not_found", "the compute service has no such instance") from None
        except (errors.ConnectTimeout, errors.RequestTimeout, errors.GatewayTimeout) as problem:
            raise InstanceNotLocated(
                instance_id, "timeout", "the compute service did not answer in time; try again later"
            ) from problem
        except (errors.ConnectFailure, errors.EndpointNotFound) as problem:
            raise InstanceNotLocated(
                instance_id, "unreachable", f"the compute service cannot be reached: {problem}"
            ) from problem
        except errors.ClientException as problem:
            raise InstanceNotLocated(
                instance_id, "refused", f"the compute service refuses the request: {problem}"
            ) from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise InstanceNotLocated(
                instance_id, "refused", "the compute service returned something else than a server"
            ) from problem
        host = server.get(HOST_ATTRIBUTE) if isinstance(server, dict) else None
        if not isinstance(host, str) or not host:
            raise InstanceNotLocated(
                instance_id,
                "hidden",
                f"the compute service does not show {HOST_ATTRIBUTE}; use an account that its policy lets see it",
            )
        return host


def api_of(options: Any) -> ComputeApi:
    """Return the compute API of the options of [compute]."""
    session = session_for(
        options.auth_url,
        username=options.username,
        password=options.password,
        user_domain_name=options.user_domain_name,
        project_name=options.project_name,
        project_domain_name=options.project_domain_name,
        cafile=options.cafile,
        timeout=options.timeout,
    )
    return ComputeApi(
        session,
        region_name=options.region_name,
        interface=options.interface,
        endpoint_override=options.endpoint_override,
    )
