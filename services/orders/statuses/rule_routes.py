"""Rules over HTTP: on which fact, under which conditions, which status is set."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from libs.events.transaction import Transaction, new_id
from libs.service.call import Body, Call, check_version, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import FieldError, Invalid, NotFound, Stale, documented
from services.orders.statuses import rule_store, store
from services.orders.statuses.rules import TOPICS, Condition, Op, Rule, fields_of, wrong

router = APIRouter(prefix="/v1/statuses/rules", tags=["statuses"])
Reads = Annotated[Call, needs("orders:read")]
Writes = Annotated[Call, needs("settings:write")]
Word = Annotated[str, Field(max_length=200)]


class ConditionIn(Body):
    """A field of the order or of the fact, how it is compared, and with what."""

    field: Annotated[str, Field(min_length=1, max_length=40)]
    op: Op
    value: bool | Word | Annotated[list[Word], Field(max_length=200)] = Field(
        description="A word; a list of words for `in`; an amount as text for `total`; true or false for `exists`."
    )


class RuleIn(Body):
    """A rule as the shop wants it."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    topic: Annotated[str, Field(min_length=1, max_length=60, description="GET /v1/statuses/rules/topics")]
    conditions: list[ConditionIn] = Field(default_factory=list, max_length=20, description="All of them hold.")
    status: Annotated[str, Field(min_length=1, max_length=40, description="A mnemonic or an id.")]
    active: bool = True


class OrderIn(Body):
    """The rules in the order in which they run."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=5000)]


class RuleOut(BaseModel):
    """A rule: on a fact of this topic, where all conditions hold, this status is set."""

    id: UUID
    version: int
    name: str
    topic: str
    conditions: list[dict[str, Any]]
    status: str
    status_id: UUID
    active: bool
    position: int

    @classmethod
    def of(cls, rule: Rule) -> "RuleOut":
        """From a rule."""
        names = ("id", "version", "name", "topic", "active", "position")
        given = {name: getattr(rule, name) for name in names}
        conditions = [{"field": each.field, "op": each.op, "value": each.value} for each in rule.conditions]
        return cls(**given, conditions=conditions, status=rule.definition.mnemonic, status_id=rule.definition.id)


class FieldOut(BaseModel):
    """What a condition may name."""

    field: str
    about: str
    ops: list[Op]
    values: list[str] = Field(description="What it may be; empty: any word.")


class TopicOut(BaseModel):
    """A fact that a rule may wait for."""

    topic: str
    about: str
    fields: list[FieldOut]


@router.get("", response_model=Page[RuleOut], responses=documented(Invalid))
async def rules(
    call: Reads, topic: Annotated[str | None, Query(max_length=60)] = None, after: After = None, limit: Limit = 50
) -> Any:
    """Rules, in the order in which they run."""
    place = decode(after, (int, UUID))
    async with call.look() as tx:
        rows = await rule_store.page(tx, topic, (place[0], place[1]) if place else None, limit + 1)
    return page_of([RuleOut.of(row) for row in rows], limit, lambda row: encode(row.position, row.id))


@router.get("/topics")
async def rule_topics(_: Reads) -> list[TopicOut]:
    """The facts that rules may wait for, and what their conditions may name."""
    return [
        TopicOut(
            topic=topic,
            about=(fact.__doc__ or "").split("\n")[0],
            fields=[
                FieldOut(field=name, about=each.about, ops=list(each.ops), values=list(each.values))
                for name, each in fields_of(topic).items()
            ],
        )
        for topic, fact in sorted(TOPICS.items())
    ]


@router.post("", status_code=201, response_model=RuleOut, responses=documented(Invalid))
async def add_rule(body: RuleIn, call: Writes) -> Response:
    """Add a rule; it runs after those there are, for facts from now on."""
    async with call.uow() as tx:
        await store.alone(tx)
        rule = await _made(tx, body, new_id(), 1, await rule_store.next_position(tx))
        await rule_store.write(tx, rule)
        return call.answer(RuleOut.of(rule), status=201, etag=rule.version)


@router.put("/order", response_model=None, status_code=204, responses=documented(Invalid))
async def reorder_rules(body: OrderIn, call: Writes) -> Response:
    """Say in which order rules run; those not named follow as they stood."""
    async with call.uow() as tx:
        await store.alone(tx)
        known = await rule_store.all_locked(tx)
        for n, rule_id in enumerate(body.ids):
            if rule_id not in known:
                raise Invalid("there is no such rule", field=f"ids[{n}]")
        if len(set(body.ids)) != len(body.ids):
            raise Invalid("a rule is named twice", field="ids")
        await rule_store.place(tx, [*body.ids, *(each for each in known if each not in set(body.ids))])
        return call.answer(status=204)


@router.get("/{rule_id}", response_model=RuleOut, responses=documented(NotFound))
async def rule(rule_id: UUID, call: Reads) -> Response:
    """One rule."""
    async with call.read() as tx:
        found = await _found(tx, rule_id)
    return call.answer(RuleOut.of(found), etag=found.version)


@router.put("/{rule_id}", response_model=RuleOut, responses=documented(NotFound, Stale, Invalid))
async def change_rule(rule_id: UUID, body: RuleIn, call: Writes) -> Response:
    """Change a rule, or switch it off or on; what it did stays."""
    async with call.uow() as tx:
        found = await _found(tx, rule_id, call.if_match, lock=True)
        made = await _made(tx, body, rule_id, found.version, found.position)
        if made != found:
            made = replace(made, version=found.version + 1)
            await rule_store.write(tx, made)
        return call.answer(RuleOut.of(made), etag=made.version)


@router.delete("/{rule_id}", response_model=None, status_code=204, responses=documented(NotFound, Stale))
async def remove_rule(rule_id: UUID, call: Writes) -> Response:
    """Take a rule away; the entries that it made stay."""
    async with call.uow() as tx:
        await _found(tx, rule_id, call.if_match, lock=True)
        await rule_store.remove(tx, rule_id)
        return call.answer(status=204)


async def _found(tx: Transaction, rule_id: UUID, if_match: int | None = None, *, lock: bool = False) -> Rule:
    found = await rule_store.rule(tx, rule_id, lock=lock)
    if found is None:
        raise NotFound("there is no such rule")
    check_version(found.version, if_match)
    return found


async def _made(tx: Transaction, body: RuleIn, rule_id: UUID, version: int, position: int) -> Rule:
    """The rule that is meant; Invalid names each field that is wrong. Statuses are kept by their ids."""
    names = {body.status}
    errors = [] if body.topic in TOPICS else [FieldError("topic", f"there are {', '.join(sorted(TOPICS))}")]
    conditions = [Condition(each.field, each.op, each.value) for each in body.conditions]
    for n, each in enumerate(conditions if not errors else []):
        if problem := wrong(body.topic, each):
            errors.append(FieldError(f"conditions[{n}].{problem[0]}", problem[1]))
        elif each.field == "status" and each.op is not Op.EXISTS:
            names |= set(each.value if isinstance(each.value, list) else [each.value])
    means = await store.by_name(tx, names)
    if body.status not in means:
        errors.append(FieldError("status", f"there is no status {body.status}"))
    for n, each in enumerate(conditions):
        if each.field == "status" and each.op is not Op.EXISTS:
            given = each.value if isinstance(each.value, list) else [each.value]
            strange = [name for name in given if name in names and name not in means]
            errors += [FieldError(f"conditions[{n}].value", f"there is no status {name}") for name in strange]
            ids = [str(means[name].id) for name in given if name in means]
            conditions[n] = replace(each, value=ids if isinstance(each.value, list) else (ids or [""])[0])
    if errors:
        raise Invalid("; ".join(f"{e.field}: {e.detail}" for e in errors[:5]), errors=errors)
    what = (rule_id, version, body.name, body.topic, tuple(conditions))
    return Rule(*what, means[body.status], body.active, position)
