"""The checker is worth what it notices: every promise is broken once, and the proof of that promise says so."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import pytest

from demo import proofs
from demo.checker import table
from demo.proofs import PROOFS, Proof, Seen, all_broken, second_copies, strays

DONE, GONE = UUID(int=1), UUID(int=2)
LINE, LINE_OF_GONE = UUID(int=11), UUID(int=12)
PAYMENT, PAYMENT_OF_GONE = UUID(int=21), UUID(int=22)
BUYER, SHOP = "buyer@example.com", "desk@example.com"


def _order(order: UUID, **more: Any) -> dict[str, Any]:
    told = {"id": order, "number": f"N-{order.int}", "channel": "web", "total": 500, "payment_kind": "paypal"}
    return told | {"email": BUYER, "merchant": SHOP, "held": False} | more


def _letter(order: UUID, cause: UUID, kind: str, recipient: str) -> dict[str, Any]:
    return {"order_id": order, "cause": cause, "kind": kind, "recipient": recipient, "call_state": "succeeded"} | {
        "doubts": 0
    }


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
    ("no mail about the transfer", lambda seen: seen.rows["letters"].pop() and None, "no_mail_is_missing"),
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
