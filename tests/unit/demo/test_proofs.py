"""The checker is worth what it notices: every promise is broken once, and the proof of that promise says so."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from demo import proofs
from demo.checker import table
from demo.proof import Proof, Seen
from demo.proofs import PROOFS, all_broken, second_copies, strays

DONE, GONE = UUID(int=1), UUID(int=2)
LINE, LINE_OF_GONE = UUID(int=11), UUID(int=12)
PAYMENT, PAYMENT_OF_GONE = UUID(int=21), UUID(int=22)
SEEN, ASKED, DONE_WITH = UUID(int=51), UUID(int=52), UUID(int=53)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BUYER, SHOP = "buyer@example.com", "desk@example.com"


def _order(order: UUID, **more: Any) -> dict[str, Any]:
    told = {"id": order, "number": f"N-{order.int}", "channel": "web", "total": 500, "payment_kind": "paypal"}
    return told | {"email": BUYER, "merchant": SHOP, "held": False} | more


def _letter(order: UUID, cause: UUID, kind: str, recipient: str) -> dict[str, Any]:
    return {"order_id": order, "cause": cause, "kind": kind, "recipient": recipient, "call_state": "succeeded"} | {
        "doubts": 0
    }


def _rule(number: int, topic: str, track: str, status: UUID, conditions: Any = ()) -> dict[str, Any]:
    made = {"id": UUID(int=number), "name": f"rule {number}", "topic": topic, "track": track, "status_id": status}
    return made | {"conditions": json.dumps(list(conditions))}


def _given(
    number: int, order: UUID, track: str, status: UUID, *, rule: int, fact: int, mailed: bool = False
) -> dict[str, Any]:
    which = {"id": UUID(int=number), "order_id": order, "track": track, "status_id": status, "mailed": mailed}
    return which | {"rule_id": UUID(int=rule), "fact_id": UUID(int=fact)}


def sound() -> Seen:
    """One order that went all the way by PayPal and a courier, and one that was rejected; a transfer was asked for."""
    topics = {
        DONE: ("order.created", "order.paid", "order.shipped", "order.delivered", "order.completed"),
        GONE: ("order.created", "payment.pending", "order.cancelled"),
    }
    events: list[dict[str, Any]] = [
        {"order_id": order, "event_id": UUID(int=order.int * 100 + n), "topic": topic, "number": n}
        for order, said in topics.items()
        for n, topic in enumerate(said, start=1)
    ]
    letters = [
        _letter(event["order_id"], event["event_id"], kind, SHOP if reader == "merchant" else BUYER)
        for event in events
        for kind, reader in proofs.LETTERS.get(event["topic"], ())
    ]
    letters.append(_letter(GONE, uuid5(PAYMENT_OF_GONE, "round 1"), "pay_transfer", BUYER))
    letters.append(_letter(DONE, UUID(int=71), "status", BUYER))
    mails = [
        {"message_id": f"<{uuid5(each['cause'], each['kind'] + ' ' + each['recipient'])}@shop>"} for each in letters
    ]
    payment = {"amount_minor": 500, "refunded_minor": 0, "round": 1}
    return Seen(
        rows={
            "orders": [
                _order(DONE, lifecycle="completed", stock="deducted", payment="received", fulfilment="delivered"),
                _order(GONE, lifecycle="cancelled", stock="rejected", payment="pending", fulfilment="none"),
            ],
            "lines": [
                {"id": LINE, "order_id": DONE, "sku": "MUG", "quantity": 2000},
                {"id": LINE_OF_GONE, "order_id": GONE, "sku": "HAT", "quantity": 1000},
            ],
            "events": events,
            "stuck": [],
            "reservations": [
                {"order_id": DONE, "state": "deducted"},
                {"order_id": GONE, "state": "rejected"},
            ],
            "allocations": [
                {"order_id": DONE, "line_id": LINE, "sku": "MUG", "depot": "main", "reserved": 0, "gone": 2000}
            ],
            "levels": [
                {"sku": "MUG", "depot": "main", "on_hand": 3000, "reserved": 0, "moved": 3000, "deducted": -2000}
            ],
            "payments": [
                payment | {"id": PAYMENT, "order_id": DONE, "number": "1", "kind": "paypal", "captured_minor": 500},
                payment
                | {"id": PAYMENT_OF_GONE, "order_id": GONE, "number": "2", "kind": "transfer", "captured_minor": 0},
            ],
            "captures": [{"payment_id": PAYMENT, "amount_minor": 500}],
            "entries": [
                {"id": UUID(int=31), "payment_id": PAYMENT, "kind": "capture", "balance": 0, "amount": 500},
                {"id": UUID(int=32), "payment_id": PAYMENT, "kind": "fee", "balance": 0, "amount": 20},
            ],
            "shipments": [{"id": UUID(int=41), "order_id": DONE, "courier": "fan", "state": "delivered", "awb": "A1"}],
            "shipped": [{"order_id": DONE, "line_id": LINE, "quantity": 2000}],
            "letters": letters,
            "rules": [
                _rule(1, "order.created", "order", SEEN),
                _rule(
                    2, "order.created", "payment", ASKED, [{"field": "payment_kind", "op": "in", "value": ["transfer"]}]
                ),
                _rule(3, "order.completed", "order", DONE_WITH),
            ],
            "told_of": [
                {"order_id": event["order_id"], "event_id": event["event_id"], "topic": event["topic"], "at": NOW}
                | {"payment_kind": "paypal" if event["order_id"] == DONE else "transfer"}
                for event in events
                if event["topic"] in {"order.created", "order.completed"}
            ],
            "given": [
                _given(71, DONE, "order", SEEN, rule=1, fact=101, mailed=True),
                _given(72, DONE, "order", DONE_WITH, rule=3, fact=105),
                _given(73, GONE, "order", SEEN, rule=1, fact=201),
                _given(74, GONE, "payment", ASKED, rule=2, fact=201),
            ],
            "standing": [
                {"order_id": DONE, "track": "order", "status_id": DONE_WITH},
                {"order_id": GONE, "track": "order", "status_id": SEEN},
                {"order_id": GONE, "track": "payment", "status_id": ASKED},
            ],
        },
        captured=[{"custom_id": str(PAYMENT), "value": "5.00"}],
        parcels=[{"awb": "A1", "reference": "R1"}],
        mails=mails,
    )


def broken(seen: Seen) -> set[str]:
    return {prove.__name__ for prove in PROOFS if prove(seen).broken}


def test_nothing_is_broken_where_nothing_is() -> None:
    seen = sound()
    assert broken(seen) == set()
    assert all(prove(seen).tried for prove in PROOFS)
    assert second_copies(seen) == 0


def _set(name: str, row: int, **values: Any) -> Callable[[Seen], None]:
    return lambda seen: seen.rows[name][row].update(values)


def _twice(name: str) -> Callable[[Seen], None]:
    return lambda seen: seen.rows[name].append(seen.rows[name][0])


def _none(name: str) -> Callable[[Seen], None]:
    return lambda seen: seen.rows[name].clear()


def _again(book: str) -> Callable[[Seen], None]:
    return lambda seen: getattr(seen, book).append(getattr(seen, book)[0])


def _lost(book: str) -> Callable[[Seen], None]:
    return lambda seen: getattr(seen, book).clear()


BROKEN: list[tuple[str, Callable[[Seen], None], str]] = [
    ("not delivered", _set("orders", 0, fulfilment="shipped"), "orders_are_at_their_end"),
    ("still open", _set("orders", 0, lifecycle="open"), "orders_are_at_their_end"),
    ("held", _set("orders", 0, held=True), "orders_are_at_their_end"),
    ("cancelled with money", _set("orders", 1, payment="received"), "orders_are_at_their_end"),
    ("cancelled with goods", _set("orders", 1, stock="reserved"), "orders_are_at_their_end"),
    (
        "stuck",
        lambda seen: seen.rows["stuck"].append({"order_id": DONE, "service": "shipping", "what": "no"}),
        "orders_are_at_their_end",
    ),
    ("a gap", _set("events", 1, number=7), "timelines_have_no_gap"),
    ("a fact twice", _set("events", 4, event_id=UUID(int=101)), "timelines_have_no_gap"),
    ("taken twice", _set("allocations", 0, gone=4000), "goods_were_taken_once"),
    ("not taken", _set("allocations", 0, gone=0), "goods_were_taken_once"),
    ("still held", _set("allocations", 0, reserved=1), "goods_were_taken_once"),
    ("taken for a cancelled order", _set("allocations", 0, line_id=LINE_OF_GONE), "goods_were_taken_once"),
    ("reserved twice", _twice("reservations"), "goods_were_taken_once"),
    ("ledger and level differ", _set("levels", 0, moved=2000), "stock_sums_are_exact"),
    ("deducted and taken differ", _set("levels", 0, deducted=-1000), "stock_sums_are_exact"),
    ("reserved for nobody", _set("levels", 0, reserved=1), "stock_sums_are_exact"),
    ("paid twice", _twice("captures"), "money_moved_once"),
    ("not paid", _none("captures"), "money_moved_once"),
    ("paid too little", _set("captures", 0, amount_minor=499), "money_moved_once"),
    ("no balance", _set("entries", 0, balance=1), "money_moved_once"),
    ("not in the ledger", _none("entries"), "money_moved_once"),
    ("given back", _set("payments", 0, refunded_minor=500), "money_moved_once"),
    ("no payment", lambda seen: seen.rows["payments"].pop() and None, "money_moved_once"),
    ("captured twice there", _again("captured"), "provider_agrees"),
    ("never captured there", _lost("captured"), "provider_agrees"),
    ("captured there for nobody", lambda seen: seen.captured[0].update(custom_id="?"), "provider_agrees"),
    ("another amount there", lambda seen: seen.captured[0].update(value="5.01"), "provider_agrees"),
    ("packed twice", _twice("shipped"), "parcels_were_booked_once"),
    ("never packed", _none("shipped"), "parcels_were_booked_once"),
    ("under way", _set("shipments", 0, state="dispatched"), "parcels_were_booked_once"),
    ("booked twice there", lambda seen: seen.parcels.append({"awb": "A2", "reference": "R1"}), "courier_agrees"),
    ("on two parcels", _twice("shipments"), "courier_agrees"),
    ("nobody's", lambda seen: seen.parcels.append({"awb": "A2", "reference": "R2"}), "courier_agrees"),
    ("given up and sent", lambda seen: seen.given_up.append({"awb": "A1"}), "courier_agrees"),
    ("not booked there", _lost("parcels"), "courier_agrees"),
    ("never written", lambda seen: seen.rows["letters"].pop(0) and None, "no_mail_is_missing"),
    ("never arrived", lambda seen: seen.mails.pop() and None, "no_mail_is_missing"),
    ("arrived twice", _again("mails"), "no_mail_is_missing"),
    ("asked for by nothing", _set("events", 1, topic="order.ready"), "no_mail_is_missing"),
    ("a rule that did not act", lambda seen: seen.rows["given"].pop(1) and None, "rules_acted_once"),
    ("a rule that acted twice", _twice("given"), "rules_acted_once"),
    ("a rule against its condition", _set("told_of", 2, payment_kind="paypal"), "rules_acted_once"),
    ("a status of no fact", _set("given", 3, fact_id=UUID(int=999)), "rules_acted_once"),
    ("another stands", _set("standing", 0, status_id=SEEN), "what_stands_is_what_was_applied_last"),
    ("two stand", _twice("standing"), "what_stands_is_what_was_applied_last"),
    ("nothing stands", _none("standing"), "what_stands_is_what_was_applied_last"),
    ("no mail about a status", _set("given", 1, mailed=True), "no_mail_is_missing"),
    ("a mail about a silent status", _set("given", 0, mailed=False), "no_mail_is_missing"),
    ("no mail about the transfer", lambda seen: seen.rows["letters"].pop(-2) and None, "no_mail_is_missing"),
]


@pytest.mark.parametrize(("breaks", "notices"), [pytest.param(b, n, id=name) for name, b, n in BROKEN])
def test_what_is_broken_is_noticed(breaks: Callable[[Seen], None], notices: str) -> None:
    seen = sound()
    breaks(seen)
    assert notices in broken(seen)


def test_what_has_nothing_to_send_or_to_pay_is_at_its_end_too() -> None:
    seen = sound()
    seen.rows["orders"][0].update(stock="none", fulfilment="none")
    seen.rows["orders"][1].update(payment="received", total=0)
    assert "orders_are_at_their_end" not in broken(seen)


def test_a_status_of_a_person_lets_what_rules_would_have_done_open() -> None:
    seen = sound()
    seen.rows["given"][0].update(rule_id=None, fact_id=None)
    seen.rows["given"].pop(1)
    seen.rows["standing"][0].update(status_id=SEEN)
    assert broken(seen) == set()


def test_a_second_copy_is_allowed_where_its_sender_was_in_doubt() -> None:
    seen = sound()
    seen.mails.append(seen.mails[0])
    assert broken(seen) == {"no_mail_is_missing"}
    seen.rows["letters"][0]["doubts"] = 1
    assert broken(seen) == set()
    assert second_copies(seen) == 1


def test_an_awb_that_is_nobodys_is_allowed_where_it_was_given_up() -> None:
    seen = sound()
    seen.parcels.append({"awb": "A2", "reference": "R2"})
    seen.given_up.append({"awb": "A2"})
    assert broken(seen) == set()
    assert strays(seen) == 1


def test_the_table_names_what_is_broken_and_how_much_more() -> None:
    proof = Proof("a promise", tried=9, broken=[f"order {n}" for n in range(7)])
    text = table([proof, Proof("another", tried=3)])
    assert "BROKEN        9  a promise" in text
    assert "order 0" in text
    assert "and 2 more" in text
    assert "ok        3  another" in text
    assert len(all_broken([proof])) == 7
