"""The compute API, asked over HTTP where an instance runs."""

from __future__ import annotations

from typing import Any

from keystoneauth1 import exceptions as answers
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from volsched.exceptions import InstanceNotLocated

#: What the compute API shows to those that its policy lets see it; administrators by default.
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
    """Who asks, and how long for. Nothing is sent before the first question."""
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
    """Tells where instances run. One request an instance, bounded in time by the session's `timeout`."""

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
        """The hypervisor host of an instance. Raises InstanceNotLocated, whose `kind` says why it cannot be told."""
        try:
            answer = self._adapter.get(f"/servers/{instance_id}")
            server = answer.json()["server"]
        except answers.NotFound:
            raise InstanceNotLocated(instance_id, "not_found", "the compute service knows none of this id") from None
        except (answers.ConnectTimeout, answers.RequestTimeout, answers.GatewayTimeout) as problem:
            raise InstanceNotLocated(
                instance_id, "timeout", "the compute service did not answer in time; try again later"
            ) from problem
        except (answers.ConnectFailure, answers.EndpointNotFound) as problem:
            raise InstanceNotLocated(
                instance_id, "unreachable", f"the compute service cannot be reached: {problem}"
            ) from problem
        except answers.ClientException as problem:
            raise InstanceNotLocated(
                instance_id, "refused", f"the compute service refuses to tell: {problem}"
            ) from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise InstanceNotLocated(
                instance_id, "refused", "the compute service answers something that is no server"
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
    """The compute API that the options of [compute] name."""
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
