"""The AsyncAPI 3 document of everything that is said on the bus, from the contracts and from system.py."""

from typing import Any

from pydantic.json_schema import models_json_schema

from deploy.system import TOPICS, Topic
from libs.contracts import every_contract
from libs.events.contract import Event
from libs.events.documentation import comments, example_of

REF = "#/components/schemas/{model}"
HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "content-type": ({"const": "application/json"}, "The value is the JSON data alone."),
    "ce_specversion": ({"const": "1.0"}, "CloudEvents, binary mode."),
    "ce_id": ({"format": "uuid"}, "The fact's name (UUIDv7): a fact delivered twice has the same."),
    "ce_type": ({}, "The topic's name."),
    "ce_source": ({}, "Who said it: `/comanda/` and the service."),
    "ce_subject": ({}, "The aggregate that said it: its noun, `/`, its id."),
    "ce_time": ({"format": "date-time"}, "When it was written, UTC."),
    "ce_dataschema": ({}, "Name and major version of the contract."),
    "ce_sequence": ({"pattern": r"^\d+$"}, "The number of this fact among those of its aggregate, without gaps."),
    "ce_actor": ({}, "Who acted: `user:`, `key:`, `rule:`, `customer:` or `system:` and a name."),
    "ce_correlationid": ({"format": "uuid"}, "Shared by everything that follows from one wish."),
    "ce_causationid": ({"format": "uuid"}, "The fact that led to this one, where one did."),
    "ce_depth": ({"pattern": r"^\d+$"}, "How many rules led here."),
    "traceparent": ({}, "W3C trace context, where a trace runs."),
}
DESCRIPTION = (
    "Every fact that Comanda's services tell each other, one topic for each kind. Readers ignore members they do not "
    "know and keep values of enums they do not know as text; changes are additive."
)
NOT_ALWAYS = frozenset({"ce_causationid", "traceparent"})


def document() -> dict[str, Any]:
    """The whole document."""
    contracts = {contract.topic: contract for contract in every_contract()}
    topics = sorted(TOPICS, key=lambda topic: topic.name)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Comanda: facts",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "bus": {
                "host": "{host}",
                "protocol": "kafka",
                "description": "EVENTS_BUS; with the embedded bus the same facts stand in Postgres.",
                "variables": {"host": {"default": "localhost:9092"}},
            }
        },
        "channels": {topic.name: _channel(topic, contracts[topic.name]) for topic in topics},
        "operations": {
            f"{service}-{action}-{topic.name.replace('.', '-')}": _operation(service, action, topic)
            for topic in topics
            for action, services in (("send", topic.producers), ("receive", topic.readers))
            for service in services
        },
        "components": {
            "messages": {topic.name: _message(contracts[topic.name]) for topic in topics},
            "messageTraits": {"fact": {"contentType": "application/json", "headers": _headers()}},
            "schemas": _schemas(list(contracts.values())),
        },
    }


def _channel(topic: Topic, contract: type[Event]) -> dict[str, Any]:
    policy = ["compact"] if topic.compacted else ["delete"]
    kafka: dict[str, Any] = {"topic": topic.name, "partitions": topic.partitions}
    kafka["topicConfiguration"] = {"cleanup.policy": policy}
    if topic.retention:
        kafka["topicConfiguration"]["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    return {
        "address": topic.name,
        "description": _first_line(contract),
        "messages": {"fact": {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": kafka | {"bindingVersion": "0.5.0"}},
    }


def _operation(service: str, action: str, topic: Topic) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/fact"}],
        "tags": [{"name": service}],
    }


def _message(contract: type[Event]) -> dict[str, Any]:
    return {
        "name": contract.dataschema(),
        "title": contract.__name__,
        "summary": _first_line(contract),
        "traits": [{"$ref": "#/components/messageTraits/fact"}],
        "payload": {"$ref": REF.format(model=contract.__name__)},
        "bindings": {"kafka": {"key": {"type": "string", "description": key_of(contract)}, "bindingVersion": "0.5.0"}},
        "examples": [{"payload": example_of(contract)}],
    }


def _headers() -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} | more for name, (more, text) in HEADERS.items()}
    return {
        "type": "object",
        "required": [name for name in HEADERS if name not in NOT_ALWAYS],
        "properties": properties,
    }


def _schemas(contracts: list[type[Event]]) -> dict[str, Any]:
    _, defined = models_json_schema([(contract, "validation") for contract in contracts], ref_template=REF)
    found: dict[str, Any] = defined["$defs"]
    for part in parts_of(contracts):
        for name, text in comments(part).items():
            found[part.__name__]["properties"][name].setdefault("description", text)
    return found


def parts_of(contracts: list[type[Event]]) -> list[Any]:
    """Every model that these contracts are made of, themselves first, each once."""
    found: list[Any] = []
    todo: list[Any] = list(contracts)
    while todo:
        kind = todo.pop(0)
        if hasattr(kind, "model_fields") and kind not in found:
            found.append(kind)
            todo += [inner for field in kind.model_fields.values() for inner in _inside(field.annotation)]
    return found


def _inside(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", ())
    return [annotation, *(inner for argument in arguments for inner in _inside(argument))]


def key_of(contract: type[Event]) -> str:
    """What its partition key is."""
    return str(contract.key.__doc__)


def _first_line(contract: type[Event]) -> str:
    return str(contract.__doc__).strip().splitlines()[0]
