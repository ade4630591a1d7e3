"""What payments does when an order says something or a person asks: load, let the domain decide, save, tell."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from libs.contracts.common import Cost, CostRecorded, Money
from libs.contracts.orders import OrderSnapshot, PaymentKind
from libs.contracts.payments import PaymentStatus
from libs.events.transaction import Transaction, new_id
from libs.service.problems import NotFound
from services.payments import announce, ledger, store
from services.payments.domain import PAYPAL, Kind, Operation, Payment, State, Wanted
from services.payments.providers import currencies
from services.payments.standing import derive
from services.payments.steps import Plan, answer_expiring, follow, next_plan, wants_look

LOOK_AGAIN_FIRST = timedelta(minutes=5)
LOOK_AGAIN_LAST = timedelta(hours=6)
MOST_STEPS = 20


@dataclass
class Desk:
    """A locked payment with its operations and its order, and how it stood when it was taken up."""

    tx: Transaction
    payment: Payment
    operations: list[Operation]
    wanted: Wanted
    before: Payment | None
    known: dict[UUID, Operation]

    @classmethod
    async def of(cls, tx: Transaction, payment: Payment, order: OrderSnapshot, *, new: bool = False) -> Self:
        """Take up a payment that is locked already, or was just added."""
        operations = [] if new else await store.operations(tx, payment.id)
        known = {op.id: replace(op) for op in operations}
        return cls(tx, payment, operations, Wanted.of(order), None if new else payment.copy(), known)

    @classmethod
    async def at(cls, tx: Transaction, payment_id: UUID) -> Self:
        """Lock a payment and take it up; NotFound when there is none."""
        payment = await store.locked(tx, payment_id)
        if payment is None:
            raise NotFound("there is no such payment")
        return await cls.of(tx, payment, await store.known_order(tx, payment.order_id))

    async def settle(self) -> None:
        """Do what follows from all that is known, save it, and tell what changed."""
        follow(self.payment, self.wanted)
        derive(self.payment, self.operations, self.wanted)
        for _ in range(MOST_STEPS):
            plan = next_plan(self.payment, self.operations, self.wanted)
            if plan is None:
                break
            await self.start(plan)
            derive(self.payment, self.operations, self.wanted)
        answer_expiring(self.payment, self.operations, self.wanted)
        derive(self.payment, self.operations, self.wanted)
        if (request := wants_look(self.payment, self.operations, self.wanted)) is not None:
            await look(self.tx, self.payment, self.operations, request)
        self._plan_next_look()
        await self._save()

    async def start(self, plan: Plan, *, reason: str | None = None, reference: str | None = None) -> Operation:
        """Begin an operation: written down with its key before anybody is asked; the call is made after the commit."""
        payment = self.payment
        operation = Operation(
            new_id(), payment.id, plan.kind, State.INITIATED, plan.amount_minor, payment.currency, self.tx.cause.actor,
            parent_id=plan.parent.id if plan.parent else None, provider=plan.provider, reason=reason,
            reference=reference,
        )  # fmt: skip
        if plan.done:
            operation.provider_ref = reference
            operation.settle(State.SUCCEEDED)
        self.operations.append(operation)
        await store.save_operations(self.tx, self.operations)  # what it follows on first
        if not plan.done:
            await self._add_call(operation, plan.parent)
        return operation

    async def _add_call(self, operation: Operation, parent: Operation | None) -> None:
        payment = self.payment
        kind, target = str(operation.kind), payment.provider_payment_id
        if parent is not None:
            target = parent.provider_ref
            kind = "capture_authorization" if operation.kind is Kind.CAPTURE else kind
        body = {
            "amount": operation.amount.amount,
            "currency": operation.currency,
            "custom_id": str(operation.id if operation.kind is Kind.REFUND else payment.id),
            "invoice_id": payment.merchant_ref,
            "intent": payment.intent,
            "number": payment.number,
        }
        await store.add_call(self.tx, payment, kind, operation=operation.id, target=target, body=body)

    def _plan_next_look(self) -> None:
        """Ask the provider by ourselves now and then while something is open: a webhook may never come."""
        payment = self.payment
        pending = any(op.status is State.PENDING for op in self.operations)
        awaited = (
            payment.status in (PaymentStatus.AWAITING, PaymentStatus.APPROVED) and payment.approval_link is not None
        )
        if payment.kind != PaymentKind.PAYPAL or not (pending or awaited):
            payment.next_look_at = None
        elif payment.next_look_at is None or payment.next_look_at <= datetime.now(UTC):
            age = datetime.now(UTC) - payment.created_at
            payment.next_look_at = datetime.now(UTC) + min(max(age / 4, LOOK_AGAIN_FIRST), LOOK_AGAIN_LAST)

    async def _save(self) -> None:
        changed = [op for op in self.operations if self.known.get(op.id) != op]
        if self.payment == self.before and not changed:
            return
        self.payment.version += 1
        await store.save(self.tx, self.payment)
        await store.save_operations(self.tx, changed)
        for operation in changed:
            await self._post(operation)
        await announce.changes(self.tx, self.before, self.payment, self.operations, self.known)

    async def _post(self, operation: Operation) -> None:
        if operation.status is not State.SUCCEEDED:
            return
        others = sum(
            op.amount_minor
            for op in self.operations
            if op.kind is Kind.CAPTURE and op.status is State.SUCCEEDED and op.id != operation.id
        )
        entry = ledger.entry_of(self.payment, operation, self.payment.amount_minor - others)
        if entry is not None:
            await store.post(self.tx, self.payment.id, operation.id, entry)
        fee = ledger.fee_entry(self.payment, operation)
        if fee is not None and await store.post(self.tx, self.payment.id, operation.id, fee):
            await self.tx.emit(self.payment, cost_of(self.payment, operation))


def cost_of(payment: Payment, operation: Operation) -> CostRecorded:
    """The provider's fee as a cost of the order."""
    return CostRecorded(
        cost=operation.id,
        version=1,
        order_id=payment.order_id,
        kind=Cost.PAYMENT_FEE,
        amount=Money(operation.fee_minor or 0, operation.currency),
        actual=True,
        source=operation.provider or PAYPAL,
    )


async def bring(tx: Transaction, order: OrderSnapshot) -> None:
    """Bring an order's payment to what its newest snapshot asks for, whichever fact brought it."""
    if order.historic or not await store.keep_order(tx, order):
        return
    payment = await store.locked_of_order(tx, order.id)
    if payment is not None:
        desk = await Desk.of(tx, payment, order)
        _take_over_method(desk, order)
    elif order.payment_kind is not None:
        payment = await _opened(tx, order)
        desk = await Desk.of(tx, payment, order, new=True)
        await store.add(tx, payment)
    else:
        return  # nobody knows yet how it will be paid
    await desk.settle()


async def _opened(tx: Transaction, order: OrderSnapshot) -> Payment:
    payment_id = new_id()
    payment = Payment(
        id=payment_id,
        order_id=order.id,
        number=order.number,
        method=order.payment_method or str(order.payment_kind),
        kind=str(order.payment_kind),
        currency=order.currency,
        amount_minor=order.total.minor,
        merchant_ref=f"{order.number}-{payment_id.hex[-6:]}"[:127],
        round=order.round,
    )
    if payment.kind == PaymentKind.TRANSFER:
        payment.merchant_ref = await _transfer_reference(tx, order.number, payment_id)
    await _prepare(tx, payment)
    return payment


async def _prepare(tx: Transaction, payment: Payment) -> None:
    payment.intent = await store.intent_of(tx, payment.method)
    if payment.kind == PaymentKind.PAYPAL:
        payment.provider = PAYPAL
        payment.link_wanted = True
        if not currencies.takes(payment.money(payment.amount_minor)):
            payment.link_wanted = False
            payment.failure = f"PayPal does not take {payment.money(payment.amount_minor)}"


def _take_over_method(desk: Desk, order: OrderSnapshot) -> None:
    """Another method while no money moved and nobody was asked for any: the payment follows."""
    payment = desk.payment
    method = order.payment_method or payment.method
    if order.payment_kind is None or (method, str(order.payment_kind)) == (payment.method, payment.kind):
        return
    if any(op.status is not State.FAILED and op.kind is not Kind.CREATE for op in desk.operations):
        return
    if PAYPAL in (payment.kind, order.payment_kind) and any(op.status is State.INITIATED for op in desk.operations):
        return
    payment.method, payment.kind = method, str(order.payment_kind)
    payment.failure = payment.approved_at = payment.approval_link = payment.expires_at = None
    payment.provider = PAYPAL if payment.kind == PaymentKind.PAYPAL else None
    payment.link_wanted = payment.kind == PaymentKind.PAYPAL and currencies.takes(payment.money(payment.amount_minor))


async def _transfer_reference(tx: Transaction, number: str, payment_id: UUID) -> str:
    """ISO 11649: RF, two check digits, and the order's number, so that a bank's mask catches a slip of the pen."""
    reference = rf(re.sub(r"[^A-Z0-9]", "", number.upper()))
    if not 5 <= len(reference) <= 25 or await store.reference_taken(tx, reference):  # noqa: PLR2004 - RF00 and 1 to 21
        reference = rf(f"{payment_id.int % 36**20:020d}"[-20:])
    return reference


def rf(text: str) -> str:
    """The creditor reference of capital letters and digits."""
    digits = "".join(str(int(char, 36)) for char in f"{text}RF00")
    return f"RF{98 - int(digits) % 97:02d}{text}"


async def look(tx: Transaction, payment: Payment, operations: list[Operation], request: UUID | None = None) -> None:
    """Let the provider be read again, after the commit."""
    if payment.provider_payment_id is None or await store.look_is_due(tx, payment.id, request):
        return
    refs = [[str(op.kind), op.provider_ref] for op in operations if op.status is State.PENDING and op.provider_ref]
    await store.add_call(tx, payment, "look", target=payment.provider_payment_id, body={"refs": refs}, request=request)


async def seen(tx: Transaction, provider: str, kind: Kind, reference: str) -> bool:
    """Whether a movement of this reference is booked already."""
    return await store.movement_known(tx, provider, kind, reference)
