"""What each login may do on the cluster: granted, and compared with what must be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ClusterAuthorizationFailedError, SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from libs.events.bus_settings import BusSettings
from libs.events.kafka.connection import administrator

_KINDS = {"topic": 2, "group": 3, "cluster": 4}
_OPERATIONS = {"read": 3, "write": 4, "create": 5, "describe": 8, "idempotent_write": 12}
_ANY, _LITERAL, _ALLOW = 1, 3, 3
CLUSTER = "kafka-cluster"  # the one name that a cluster goes by in its own ACLs


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One thing that a principal may do; `kind` is topic, group or cluster. Whatever is not granted is refused."""

    principal: str
    kind: str
    name: str
    operation: str


class Acls:
    """The ACLs of a cluster, as an administrator sees them."""

    def __init__(self, servers: Sequence[str], settings: BusSettings) -> None:
        """Connects for each call."""
        self._servers = servers
        self._settings = settings

    async def allow(self, grants: Iterable[Grant]) -> None:
        """Grant these; what is granted already stays so."""
        async with administrator(self._servers, self._settings) as admin:
            for grant in sorted(grants):
                kind, operation = _KINDS[grant.kind], _OPERATIONS[grant.operation]
                request = CreateAclsRequest(kind, grant.name, _LITERAL, grant.principal, "*", operation, _ALLOW)
                answer = await admin._send_to_controller(request)  # noqa: SLF001 - the client has no method for it
                for code, message in answer.creation_responses:
                    if code:
                        raise for_code(code)(message)

    async def granted(self, principals: Iterable[str]) -> set[Grant]:
        """All that these principals may do, as far as we know a name for it; others' grants are not told."""
        async with administrator(self._servers, self._settings) as admin:
            answer = await _described(admin)
        if answer.error_code:
            raise for_code(answer.error_code)(answer.error_message)
        kinds, operations = ({number: name for name, number in each.items()} for each in (_KINDS, _OPERATIONS))
        known = set(principals)
        return {
            Grant(principal, kinds.get(kind, str(kind)), name, operations.get(operation, str(operation)))
            for kind, name, _pattern, acls in answer.resources
            for principal, _host, operation, permission in acls
            if principal in known and permission == _ALLOW
        }


async def unguarded(admin: AIOKafkaAdminClient) -> list[str]:
    """Why the login that asks is not held to its own topics; empty when the cluster keeps ACLs and it is no ruler.

    Only who may describe the cluster gets the list of its ACLs: a service must be refused, by an authorizer.
    """
    code = (await _described(admin)).error_code
    if code == SecurityDisabled.errno:
        return ["the cluster keeps no ACLs: every login may read and write every topic"]
    if code == ClusterAuthorizationFailedError.errno:
        return []
    if code:
        raise for_code(code)
    return ["this login administers the cluster: a service needs one of its own (python -m deploy.acls)"]


async def _described(admin: AIOKafkaAdminClient) -> Any:
    asked = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)  # type: ignore[arg-type,unused-ignore]
    return await admin._send_to_controller(asked)  # noqa: SLF001 - the client has no method for it
