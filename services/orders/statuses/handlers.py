"""Commands about the statuses themselves: invent, change, archive, put in order, take from the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, Invalid, NotFound
from services.orders.statuses import store
from services.orders.statuses.domain import Definition, Mode, Text, Transitions
from services.orders.statuses.library import Process


class MnemonicTaken(Conflict):
    """Another status has this mnemonic."""

    slug = "mnemonic-taken"


@dataclass(frozen=True, slots=True)
class Written:
    """A status as it is now, and what somebody should look at."""

    definition: Definition
    warnings: list[dict[str, str]]


async def add(tx: Transaction, values: Mapping[str, Any]) -> Written:
    """Invent a status; it comes last in lists. MnemonicTaken where there is one of that mnemonic."""
    await store.alone(tx)
    made = _made(values, new_id(), await store.next_position(tx))
    return await _write(tx, made)


async def change(tx: Transaction, status_id: UUID, values: Mapping[str, Any], if_match: int | None) -> Written:
    """Let it be as given; its track stays. Histories show its present words."""
    await store.alone(tx)
    found = await _locked(tx, status_id, if_match)
    if values["track"] != found.track:
        raise Invalid(f"the track stays {found.track}: archive this status and make another", field="track")
    made = replace(_made(values, found.id, found.position), archived=found.archived, version=found.version + 1)
    same = replace(made, version=found.version) == found
    return Written(found, await warnings(tx, found)) if same else await _write(tx, made)


async def archive(tx: Transaction, status_id: UUID, if_match: int | None, *, archived: bool) -> Written:
    """Take it out of use, or into use again; the orders that have it keep it."""
    found = await _locked(tx, status_id, if_match)
    if found.archived == archived:
        return Written(found, [])
    return await _write(tx, replace(found, archived=archived, version=found.version + 1))


async def reorder(tx: Transaction, ids: Sequence[UUID]) -> list[Definition]:
    """Let lists show them in this order; those not named follow, as they stood."""
    await store.alone(tx)
    known = {each.id: each for each in await store.all_locked(tx)}
    for n, status_id in enumerate(ids):
        if status_id not in known:
            raise Invalid("there is no such status", field=f"ids[{n}]")
        if status_id in ids[:n]:
            raise Invalid("is named twice", field=f"ids[{n}]")
    order = [*ids, *(status_id for status_id in known if status_id not in set(ids))]
    placed = [replace(known[status_id], position=n) for n, status_id in enumerate(order, 1)]
    moved = [replace(p, version=p.version + 1) for p in placed if p.position != known[p.id].position]
    await store.write(tx, moved)
    newest = {each.id: each for each in (*placed, *moved)}
    return [newest[status_id] for status_id in order]


async def set_transitions(
    tx: Transaction, track: StatusTrack, moves: Sequence[tuple[str | None, str]]
) -> list[tuple[str | None, str]]:
    """Let these be the moves of a track, by mnemonic or id; none: every move is allowed. As mnemonics."""
    await store.alone(tx)
    names = {name for move in moves for name in move if name is not None}
    means = await store.by_name(tx, names)
    for n, move in enumerate(moves):
        for field, name in zip(("from", "to"), move, strict=True):
            if name is not None and (name not in means or means[name].track is not track):
                raise Invalid(f"there is no status {name} on track {track}", field=f"moves[{n}].{field}")
        if move[0] == move[1]:
            raise Invalid("a status that stands may always be applied again", field=f"moves[{n}]")
    rows = {(means[a].id if a is not None else None, means[b].id) for a, b in moves}
    await store.replace_transitions(tx, track, [(new_id(), *row) for row in sorted(rows, key=str)])
    return [(means[a].mnemonic if a is not None else None, means[b].mnemonic) for a, b in moves]


async def named_transitions(tx: Transaction, track: StatusTrack) -> list[tuple[str | None, str]]:
    """The moves of a track, as mnemonics."""
    found: Transitions = await store.transitions(tx, track)
    names = await store.by_ids(tx, {each for move in found.moves for each in move if each is not None})
    named = [(names[a].mnemonic if a else None, names[b].mnemonic) for a, b in found.moves]
    return sorted(named, key=lambda move: (move[0] or "", move[1]))


async def install(tx: Transaction, process: Process) -> dict[str, list[str]]:
    """Take a process from the library; what is there by its mnemonic or its rule's name stays as it is."""
    await store.alone(tx)
    there = await store.by_name(tx, [each["mnemonic"] for each in process.statuses])
    position = await store.next_position(tx)
    new = [
        _made(each, new_id(), position + n)
        for n, each in enumerate(each for each in process.statuses if each["mnemonic"] not in there)
    ]
    await store.write(tx, new)
    means = there | {each.mnemonic: each for each in new}
    for track, moves in process.transitions.items():
        rows = [(new_id(), means[a].id if a is not None else None, means[b].id) for a, b in moves]
        await store.replace_transitions(tx, track, rows, add=True)
    wanted = [each | {"id": new_id(), "status_id": means[each["status"]].id} for each in process.rules]
    added = await store.add_rules(tx, wanted) if wanted else []
    return {"statuses": [each.mnemonic for each in new], "rules": added}


async def set_mode(tx: Transaction, mode: Mode, if_match: int | None) -> int:
    """Use statuses so from now on; the new version of the settings."""
    present, version = await store.mode(tx)
    check_version(version, if_match)
    return version if present is mode else await store.set_mode(tx, mode)


async def warnings(tx: Transaction, definition: Definition) -> list[dict[str, str]]:
    """What is allowed and yet may not be meant: a name used twice, a message without its text."""
    found = [
        {"field": f"texts.{language}.name", "detail": f"{other} is called {name} in this language too"}
        for language, name, other in await store.namesakes(tx, definition)
    ]
    told = definition.actions
    for action, part in (("mail", "message"), ("sms", "sms")):
        if getattr(told, action):
            found += [
                {"field": f"texts.{language}.{part}", "detail": f"is empty, and actions.{action} is set"}
                for language, text in definition.texts.items()
                if not getattr(text, part)
            ]
            if not told.publish:
                found.append({"field": f"actions.{action}", "detail": "is not done while the status is not published"})
    return found


async def _locked(tx: Transaction, status_id: UUID, if_match: int | None) -> Definition:
    found = await store.locked(tx, status_id)
    if found is None:
        raise NotFound("there is no such status")
    check_version(found.version, if_match)
    return found


async def _write(tx: Transaction, made: Definition) -> Written:
    namesake = (await store.by_name(tx, [made.mnemonic])).get(made.mnemonic)
    if namesake is not None and namesake.id != made.id:
        raise MnemonicTaken(f"{made.mnemonic} is another status", field="mnemonic")
    await store.write(tx, [made])
    return Written(made, await warnings(tx, made))


def _made(values: Mapping[str, Any], status_id: UUID, position: int) -> Definition:
    return Definition(
        id=status_id,
        version=1,
        mnemonic=values["mnemonic"],
        track=StatusTrack(values["track"]),
        type=StatusType(values["type"]),
        colour=values["colour"].lower(),
        indicator=values["indicator"],
        actions=StatusActions(**values["actions"]),
        position=position,
        archived=False,
        texts={language: Text(**text) for language, text in values["texts"].items()},
    )
