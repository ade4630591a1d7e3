"""What goes over the wire to couriers and back."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from stdnum.iso7064 import mod_11_10

from libs.contracts.common import Address, Money
from services.shipping.consignment import reference
from services.shipping.couriers import fan, fan_form
from services.shipping.couriers.callbacks import parsed, refusal, signature
from services.shipping.couriers.own_fleet import CODES
from services.shipping.couriers.port import Consignment, NotACallbackError
from services.shipping.tracking.domain import Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SKEW = timedelta(minutes=5)


def asked(**change: object) -> Consignment:
    address = Address(country="RO", region="Cluj", city="Cluj-Napoca", street="Lungă 1", postal_code="400001")
    given = {
        "reference": "AW2611220000017", "order_number": "RO-1", "name": "Ana", "phone": "0722", "email": None,
        "address": address, "pickup_point": None, "parcels": 1, "weight_g": 20, "cash": None,
    }  # fmt: skip
    return Consignment(**(given | change))  # type: ignore[arg-type]


def test_a_reference_has_a_check_digit() -> None:
    name = reference(17, NOW)
    assert name.startswith("AW261122000017")
    assert mod_11_10.is_valid(name.removeprefix("AW"))
    assert len({reference(n, NOW) for n in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "recipient.name"),
        ({"name": "x" * 51}, "recipient.name"),
        ({"phone": " "}, "recipient.phone"),
        ({"cash": Money(1000001, "RON")}, "info.cod"),
        ({"cash": Money(1000, "EUR")}, "info.cod"),
        ({"address": Address(country="IT", region="MI", city="Milano", street="Via Lunga 1")}, "country"),
        ({"address": Address(country="RO", city="Cluj-Napoca", street="Lungă 1")}, "county"),
    ],
)
def test_what_fan_would_refuse_is_named_by_its_field(change: dict[str, object], field: str) -> None:
    assert fan_form.wrong(asked()) is None
    assert field in str(fan_form.wrong(asked(**change)))


@pytest.mark.parametrize(
    ("change", "options", "service"),
    [
        ({}, {}, "Standard"),
        ({"cash": Money(1000, "RON")}, {}, "Cont Colector"),
        ({"cash": Money(1000, "RON")}, {"collecting": False}, "Standard"),
        ({"pickup_point": "F1"}, {}, "FANbox"),
        ({"pickup_point": "F1", "cash": Money(1000, "RON")}, {}, "FANbox Cont Colector"),
        ({"cash": Money(1000, "RON")}, {"service": "RedCode"}, "Red code-Cont Colector"),
    ],
)
def test_cash_by_bank_is_another_service_name(
    change: dict[str, object], options: dict[str, object], service: str
) -> None:
    shipment = fan_form.shipment(asked(**change), options, fan.facts()["collecting"])
    assert shipment["info"]["service"] == service
    assert shipment["info"]["weight"] == 0.1, "never nothing"
    assert shipment["info"]["costCenter"] == "AW2611220000017"
    assert shipment["recipient"]["address"].get("pickupLocationId") == change.get("pickup_point")


def test_every_code_of_fan_is_mapped_once() -> None:
    codes = [code for codes in fan.facts()["statuses"].values() for code in codes]
    assert len(codes) == len(set(codes)) == len(fan.statuses())
    assert fan.statuses()["S2"] is Status.DELIVERED


@pytest.mark.parametrize("offset", [-299, 0, 299])
def test_a_signature_within_five_minutes_is_genuine(offset: int) -> None:
    stamp = str(int(NOW.timestamp()) + offset)
    given = signature("new", stamp, b"body")
    assert refusal(["new", "old"], stamp, given, b"body", NOW, SKEW) is None
    assert refusal(["other", "new"], stamp, f"sha256={given.upper()}", b"body", NOW, SKEW) is None
    assert refusal([], stamp, given, b"body", NOW, SKEW) == "account"
    assert refusal(["new"], stamp, given, b"body ", NOW, SKEW) == "signature"
    assert refusal(["new"], str(int(stamp) + 1), given, b"body", NOW, SKEW) == "signature"
    assert refusal(["new"], stamp, "ș", b"body", NOW, SKEW) == "signature"


@pytest.mark.parametrize("stamp", ["", "x", "-5", "99999999999999", str(int(NOW.timestamp()) - 301), "²"])
def test_another_time_is_not_genuine(stamp: str) -> None:
    assert refusal(["s"], stamp, signature("s", stamp, b"body"), b"body", NOW, SKEW) == "time"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"events": []}',
     b'{"events": [{"awb": "1", "code": "delivered", "occurred_at": "2026-11-22T10:00:00"}]}',
     b'{"events": [{"awb": "1", "code": "delivered", "occurred_at": "9999-12-31T23:00:00-14:00"}]}',
     b'{"events": [{"awb": "1\\u0000", "code": "delivered", "occurred_at": "2026-11-22T10:00:00Z"}]}'],
)  # fmt: skip
def test_a_body_that_is_no_callback_is_refused(body: bytes) -> None:
    with pytest.raises(NotACallbackError):
        parsed(body, CODES)


def test_codes_that_are_in_no_map_are_unknown() -> None:
    body = {"events": [{"awb": "1", "code": "teleported", "occurred_at": "2026-11-22T10:00:00Z"}]}
    (seen,) = parsed(json.dumps(body).encode(), CODES)
    assert (seen.code, seen.status) == ("teleported", Status.UNKNOWN)
