"""The tables as SQLModel sees them: messages, what is known of channels and orders, and facts that wait for those."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from libs.service.outside import DueColumns
from libs.service.personal import BLANK, GONE, ROW, personal, whose


class Table(SQLModel, registry=registry()):
    """The base of this service's tables."""


class Message(Table, DueColumns, table=True):
    """A letter as it is sent, with the call to the mail server that it asks for."""

    noun: ClassVar[str] = "message"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = Field(default=0, sa_type=BigInteger)
    version: int = Field(default=1, sa_type=BigInteger)
    order_id: UUID | None = None
    cause: UUID
    kind: str
    recipient: str = Field(sa_column_kwargs=personal("'[erased] ' || id"))  # one of a cause and kind has it once
    language: str
    sender: str | None = None
    sender_name: str
    subject: str = Field(sa_column_kwargs=personal(BLANK))
    text: str = Field(sa_column_kwargs=personal(BLANK))
    html: str = Field(sa_column_kwargs=personal(BLANK))
    resend_of: UUID | None = None
    doubts: int = 0  # sends whose outcome nobody knows: that many copies may exist besides
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    sent_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    by: str = "mail"  # or sms: then there is no subject and no html
    recipient_hash: str | None = Field(
        default=None, sa_column_kwargs=personal(GONE)
    )  # of the address in its plainest form; what bounces is known by it
    parts: int | None = None  # of an SMS
    provider_id: str | None = None  # the gateway's name for an SMS
    resent_by: str | None = None  # who wished it sent again
    bounced_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class KnownChannel(Table, table=True):
    """The newest state of a channel; version 0 while it is only heard of."""

    __tablename__ = "known_channel"

    code: str = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    fact: str | None = None  # the channel.changed as it came


class KnownOrder(Table, table=True):
    """What letters about an order need when another fact than its own asks for them; version 0: only heard of."""

    __tablename__ = "known_order"
    __table_args__ = (whose("id = ANY($1::uuid[])"),)

    id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    number: str | None = None
    channel: str | None = None
    language: str | None = None
    historic: bool = False
    email: str | None = Field(default=None, sa_column_kwargs=personal(GONE))
    name: str | None = Field(default=None, sa_column_kwargs=personal(GONE))
    customer_id: UUID | None = None


class KnownCustomer(Table, table=True):
    """How a customer wants to be told, newest state."""

    __tablename__ = "known_customer"
    __table_args__ = (whose("id = $2::uuid"),)

    id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    language: str | None = Field(default=None, sa_column_kwargs=personal(ROW))
    by_mail: bool
    by_sms: bool


class BouncedAddress(Table, table=True):
    """An address that nothing is sent to any more, by its hash alone."""

    __tablename__ = "bounced_address"

    address_hash: str = Field(primary_key=True)
    kind: str
    reason: str
    reported_by: str
    bounced_at: datetime = Field(sa_type=DateTime(timezone=True))


class MessageSettings(Table, table=True):
    """What the shop has switched on and off; one row."""

    __tablename__ = "message_settings"

    single: bool = Field(default=True, primary_key=True)
    version: int = Field(default=1, sa_type=BigInteger)
    switches: dict[str, Any] = Field(sa_type=JSONB)
    alert_holds: list[str] = Field(sa_type=JSONB)
    sms: bool = True
    sms_plain: bool = False


class MessageTemplate(Table, table=True):
    """The shop's own text of a kind of message in a language."""

    __tablename__ = "message_template"

    kind: str = Field(primary_key=True)
    language: str = Field(primary_key=True)
    version: int = Field(default=1, sa_type=BigInteger)
    subject: str
    text: str
    sms: str | None = None
    changed_by: str
    changed_at: datetime = Field(sa_type=DateTime(timezone=True))


class WaitingFact(Table, table=True):
    """A fact that asks for letters before the channel or the order is known that it needs."""

    __tablename__ = "waiting_fact"
    __table_args__ = (
        whose(
            "((fact::jsonb)->'order'->>'id')::uuid = ANY($1::uuid[])"
            " OR waits_for = ANY (SELECT 'order ' || o FROM unnest($1::uuid[]) o)"
        ),
    )

    id: UUID = Field(primary_key=True)
    waits_for: str
    topic: str
    fact: str = Field(sa_column_kwargs=personal(ROW))
    since: datetime = Field(sa_type=DateTime(timezone=True))
