"""What must be true of every order once nothing moves any more, asked of the databases and of others' books."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from uuid import UUID, uuid5

from demo import status_proofs
from demo.proof import Proof, Rows, Seen

LETTERS = {
    "order.created": (("acknowledged", "customer"), ("new_order", "merchant")),
    "order.paid": (("paid", "customer"),),
    "order.shipped": (("shipped", "customer"),),
    "order.delivered": (("delivered", "customer"),),
    "order.cancelled": (("cancelled", "customer"),),
    "order.overdue": (("overdue", "merchant"),),
    "order.held loss": (("held", "merchant"),),
}


QUESTIONS: dict[str, tuple[str, str]] = {
    "orders": (
        "orders",
        """SELECT o.id, o.number, o.channel, o.lifecycle, o.stock, o.payment, o.fulfilment, o.total, o.payment_kind,
                  o.person ->> 'email' AS email, c.merchant_email AS merchant,
                  EXISTS (SELECT FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL) AS held
           FROM orders o JOIN channel c ON c.code = o.channel WHERE NOT o.historic""",
    ),
    "lines": (
        "orders",
        """SELECT l.id, l.order_id, l.sku, l.quantity - l.cut AS quantity
           FROM order_line l JOIN orders o ON o.id = l.order_id WHERE l.ships AND NOT o.historic""",
    ),
    "events": (
        "orders",
        """SELECT order_id, event_id, topic, number, detail::text AS detail
                          FROM order_event ORDER BY order_id, number""",
    ),
    "stuck": ("orders", "SELECT order_id, service, what FROM order_work WHERE NOT cleared"),
    "reservations": ("inventory", "SELECT order_id, state FROM reservation"),
    "allocations": (
        "inventory",
        """SELECT r.order_id, a.line_id, a.sku, a.depot, sum(a.reserved)::bigint AS reserved,
                  sum(a.deducted - a.returned)::bigint AS gone
           FROM allocation a JOIN reservation r ON r.id = a.reservation_id GROUP BY 1, 2, 3, 4""",
    ),
    "levels": (
        "inventory",
        """SELECT l.sku, l.depot, l.on_hand, l.reserved,
                  (SELECT coalesce(sum(m.quantity), 0)::bigint FROM movement m
                   WHERE m.level_id = l.id AND m.bucket = 'on_hand') AS moved,
                  (SELECT coalesce(sum(m.quantity), 0)::bigint FROM movement m
                   WHERE m.level_id = l.id AND m.kind = 'deduct') AS deducted
           FROM stock_level l""",
    ),
    "payments": (
        "payments",
        "SELECT id, order_id, number, kind, amount_minor, captured_minor, refunded_minor, round FROM payment",
    ),
    "captures": (
        "payments",
        """SELECT payment_id, amount_minor FROM payment_operation
           WHERE kind = 'capture' AND status = 'succeeded'""",
    ),
    "entries": (
        "payments",
        """SELECT e.id, e.payment_id, e.kind, sum(l.amount_minor)::bigint AS balance,
                  sum(greatest(l.amount_minor, 0))::bigint AS amount
           FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id GROUP BY e.id""",
    ),
    "shipments": ("shipping", "SELECT id, order_id, courier, state, awb, cod_minor FROM shipment"),
    "shipped": (
        "shipping",
        """SELECT s.order_id, l.line_id, l.quantity
           FROM shipment_line l JOIN shipment s ON s.id = l.shipment_id WHERE s.state <> 'cancelled'""",
    ),
    "letters": (
        "notifications",
        "SELECT order_id, cause, kind, recipient, call_state, doubts FROM message WHERE resend_of IS NULL",
    ),
}
QUESTIONS |= status_proofs.QUESTIONS
QUIET = {  # what is still to be done somewhere; in every database of `services`
    "facts that wait in an outbox": ("SELECT id::text FROM outbox", None),
    "open dead letters": ("SELECT topic || ': ' || reason FROM dead_letter WHERE closed_at IS NULL", None),
    "paused partitions": ("SELECT topic FROM partition_state WHERE paused_at IS NOT NULL", None),
    "calls to a provider under way or stuck": (
        "SELECT kind || ' ' || call_state FROM payment_call WHERE call_state NOT IN ('succeeded', 'failed')",
        "payments",
    ),
    "provider's messages not taken in": ("SELECT event_type FROM webhook_inbox WHERE outcome IS NULL", "payments"),
    "calls to a courier under way or stuck": (
        "SELECT kind || ' ' || call_state FROM courier_call WHERE call_state NOT IN ('succeeded', 'failed')",
        "shipping",
    ),
    "mails under way or stuck": (
        "SELECT kind || ' ' || call_state FROM message WHERE call_state NOT IN ('succeeded')",
        "notifications",
    ),
    "facts that wait for another": ("SELECT topic FROM waiting_fact", "notifications"),
}


def orders_are_at_their_end(seen: Seen) -> Proof:
    """Completed with everything done, or cancelled with nothing kept."""
    proof = Proof("every order is where it should be: completed and paid, or cancelled and unpaid, not held")
    for order in seen.rows["orders"]:
        axes = (order["lifecycle"], order["payment"], order["fulfilment"])
        arrived = "none" if order["stock"] == "none" else "delivered"  # nothing of it had to be sent
        paid = order["payment"] == "received" and order["total"] > 0
        cancelled = order["lifecycle"] == "cancelled" and not paid and order["stock"] != "reserved"
        ended = axes == ("completed", "received", arrived) or cancelled
        proof.expect(ended and not order["held"], f"{order['number']} is {axes}, stock {order['stock']}")
    for row in seen.rows["stuck"]:
        proof.broken.append(f"order {row['order_id']}: {row['service']} says {row['what']}")
    return proof


def timelines_have_no_gap(seen: Seen) -> Proof:
    """The facts of an order are numbered 1, 2, 3, and none of them stands there twice."""
    proof = Proof("every order's timeline is numbered without a gap, each fact once")
    by_order: dict[UUID, Rows] = defaultdict(list)
    for event in seen.rows["events"]:
        by_order[event["order_id"]].append(event)
    for order, events in by_order.items():
        whole = [event["number"] for event in events] == list(range(1, len(events) + 1))
        proof.expect(whole and len({event["event_id"] for event in events}) == len(events), f"order {order}")
    return proof


def goods_were_taken_once(seen: Seen) -> Proof:
    """Of each line of a completed order exactly its quantity left the stock; of a cancelled one nothing."""
    proof = Proof("goods were reserved and taken exactly once for completed orders, not at all for cancelled ones")
    gone: Counter[UUID] = Counter()
    for row in seen.rows["allocations"]:
        gone[row["line_id"]] += row["gone"]
        proof.expect(row["reserved"] == 0, f"order {row['order_id']} still holds {row['sku']} in {row['depot']}")
    ends = {order["id"]: order["lifecycle"] for order in seen.rows["orders"]}
    for line in seen.rows["lines"]:
        expected = line["quantity"] if ends.get(line["order_id"]) == "completed" else 0
        words = f"order {line['order_id']}: {gone[line['id']]} of {line['sku']} gone, expected {expected}"
        proof.expect(gone[line["id"]] == expected, words)
    for order, number in Counter(row["order_id"] for row in seen.rows["reservations"]).items():
        proof.expect(number == 1, f"order {order} has {number} reservations")
    return proof


def stock_sums_are_exact(seen: Seen) -> Proof:
    """The ledger's sum is the level; what left it is what orders took; what is promised is what they hold."""
    proof = Proof("stock sums are exact: movements = on hand, deductions = taken by orders, reserved = held by orders")
    taken: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    for row in seen.rows["allocations"]:
        taken[row["sku"], row["depot"]] += row["gone"]
        held[row["sku"], row["depot"]] += row["reserved"]
    for level in seen.rows["levels"]:
        place = level["sku"], level["depot"]
        told = (level["moved"], -level["deducted"], level["reserved"])
        proof.expect(told == (level["on_hand"], taken[place], held[place]), f"{place}: {dict(level)}, {taken[place]}")
    return proof


def money_moved_once(seen: Seen) -> Proof:
    """A completed order was paid once and in full, a cancelled one not at all; the ledger says the same."""
    proof = Proof("money came exactly once: one receipt for each paid order, of its total; every entry balances")
    orders = {order["id"]: order for order in seen.rows["orders"]}
    receipts: dict[UUID, list[int]] = defaultdict(list)
    booked: Counter[UUID] = Counter()
    for capture in seen.rows["captures"]:
        receipts[capture["payment_id"]].append(capture["amount_minor"])
    for entry in seen.rows["entries"]:
        proof.expect(entry["balance"] == 0, f"entry {entry['id']} does not balance")
        booked[entry["payment_id"]] += entry["amount"] if entry["kind"] == "capture" else 0
    for payment in seen.rows["payments"]:
        order = orders.get(payment["order_id"])
        total = order["total"] if order and order["lifecycle"] == "completed" else 0
        once = receipts[payment["id"]] == ([total] if total else []) and booked[payment["id"]] == total
        proof.expect(
            once and payment["refunded_minor"] == 0, f"{payment['number']}: {receipts[payment['id']]}, {total}"
        )
    paid = {payment["order_id"] for payment in seen.rows["payments"]}
    for order in seen.rows["orders"]:
        proof.expect(order["id"] in paid, f"{order['number']} has no payment")
    return proof


def provider_agrees(seen: Seen) -> Proof:
    """What PayPal's book says was captured is what we say, payment by payment."""
    proof = Proof("PayPal's own book: one capture for each payment we say was captured, of that amount, and no other")
    theirs: dict[str, list[int]] = defaultdict(list)
    for entry in seen.captured:
        theirs[entry["custom_id"]].append(round(float(entry["value"]) * 100))
    ours = [payment for payment in seen.rows["payments"] if payment["kind"] == "paypal"]
    for payment in ours:
        expected = [payment["captured_minor"]] if payment["captured_minor"] else []
        found = theirs.pop(str(payment["id"]), [])
        proof.expect(found == expected, f"{payment['number']}: they captured {found}, we say {expected}")
    for payment_id, amounts in theirs.items():
        proof.broken.append(f"they captured {amounts} of a payment we do not know: {payment_id}")
    return proof


def parcels_were_booked_once(seen: Seen) -> Proof:
    """Each line of a completed order is in parcels exactly once, and no other parcel was booked."""
    proof = Proof("every piece went into one delivered parcel, and no parcel was sent for a cancelled order")
    packed: Counter[UUID] = Counter()
    for row in seen.rows["shipped"]:
        packed[row["line_id"]] += row["quantity"]
    ends = {order["id"]: order["lifecycle"] for order in seen.rows["orders"]}
    for line in seen.rows["lines"]:
        expected = line["quantity"] if ends.get(line["order_id"]) == "completed" else 0
        proof.expect(
            packed[line["id"]] == expected, f"order {line['order_id']}: {line['sku']} packed {packed[line['id']]}"
        )
    for shipment in seen.rows["shipments"]:
        proof.expect(shipment["state"] in ("delivered", "cancelled"), f"shipment {shipment['id']} {shipment['state']}")
    return proof


def courier_agrees(seen: Seen) -> Proof:
    """Each AWB of the courier's book is on one shipment of ours or was given up; each reference was booked once."""
    proof = Proof("the courier's own book: no AWB booked twice, each one on one parcel of ours, or found and cancelled")
    ours = Counter(row["awb"] for row in seen.rows["shipments"] if row["courier"] == "fan" and row["awb"])
    kept = {row["awb"] for row in seen.rows["shipments"] if row["state"] != "cancelled"}
    theirs = Counter(str(entry["awb"]) for entry in seen.parcels)
    given_up = _given_up(seen)
    for awb in ours | theirs:
        stray = awb in given_up and ours[awb] == 0 and theirs[awb] == 1
        told = f"AWB {awb}: {ours[awb]} here, {theirs[awb]} there{', given up' if awb in given_up else ''}"
        proof.expect(stray or ours[awb] == theirs[awb] == 1, told)
        proof.expect(not (awb in given_up and awb in kept), f"{told}, and its parcel was not")
    for reference, number in Counter(entry["reference"] for entry in seen.parcels).items():
        proof.expect(number == 1, f"reference {reference} was booked {number} times")
    return proof


def no_mail_is_missing(seen: Seen) -> Proof:
    """Each fact that asks for a mail has it, once for its reader; each of them has arrived; and nothing else has."""
    proof = Proof("no mail is missing: one for each cause and recipient, arrived; copies only under one Message-ID")
    orders = {order["id"]: order for order in seen.rows["orders"]}
    transfers = {row["order_id"]: row for row in seen.rows["payments"] if row["kind"] == "transfer"}
    expected: set[tuple[UUID, str, str]] = set()
    for event in seen.rows["events"]:
        if (order := orders.get(event["order_id"])) is None:
            continue
        held = event["topic"] == "order.held" and '"loss"' in str(event.get("detail"))
        for kind, reader in LETTERS.get("order.held loss" if held else event["topic"], ()):
            recipient = order["merchant"] if reader == "merchant" else order["email"]
            expected |= {(event["event_id"], kind, recipient)} if recipient else set()
        if event["topic"] == "payment.pending" and (payment := transfers.get(order["id"])) and order["email"]:
            expected.add((uuid5(payment["id"], f"round {payment['round']}"), "pay_transfer", order["email"]))
    for entry in seen.rows["given"]:
        if entry["mailed"] and (order := orders.get(entry["order_id"])) and order["email"]:
            expected.add((entry["id"], status_proofs.LETTER, order["email"]))
    written = {(row["cause"], row["kind"], row["recipient"]): row for row in seen.rows["letters"]}
    arrived = Counter(entry["message_id"].strip("<>").split("@")[0] for entry in seen.mails)
    for letter in expected | set(written):
        cause, kind, recipient = letter
        proof.expect(letter in expected, f"nothing asked for the mail {kind} to {recipient}")
        proof.expect(letter in written, f"the mail {kind} to {recipient} was never written")
        copies = arrived[str(uuid5(cause, f"{kind} {recipient}"))]
        most = 1 + (written[letter]["doubts"] if letter in written else 0)
        proof.expect(
            1 <= copies <= most, f"the mail {kind} to {recipient} arrived {copies} times, at most {most} expected"
        )
    return proof


PROOFS: tuple[Callable[[Seen], Proof], ...] = (
    orders_are_at_their_end,
    timelines_have_no_gap,
    goods_were_taken_once,
    stock_sums_are_exact,
    money_moved_once,
    provider_agrees,
    parcels_were_booked_once,
    courier_agrees,
    no_mail_is_missing,
    status_proofs.rules_acted_once,
    status_proofs.what_stands_is_what_was_applied_last,
)


def _given_up(seen: Seen) -> set[str]:
    return {str(entry["awb"]) for entry in seen.given_up}


def strays(seen: Seen) -> int:
    """How many AWBs were nobody's, and were given up: booked by a caller that was frozen past its lease."""
    return len(_given_up(seen) - {row["awb"] for row in seen.rows["shipments"]})


def second_copies(seen: Seen) -> int:
    """How many mails arrived more than once."""
    return sum(number - 1 for number in Counter(entry["message_id"] for entry in seen.mails).values())


def all_broken(proofs: Iterable[Proof]) -> list[str]:
    """Every broken promise, in words."""
    return [f"{proof.promise}: {words}" for proof in proofs for words in proof.broken]
