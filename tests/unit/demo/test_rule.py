"""The rule for what the month lacks: stated twice, the same both times, and every order of it fit to be placed."""

import ast
import json
import sys
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from demo import predict
from demo.compare import differences, predicted
from demo.invoices import Invoice, invoices, opening_stock
from demo.month import chosen_days, names_of
from demo.odd import summary
from demo.placing import body_of, delivery_of, payment_of
from libs.contracts.orders import OnShortage
from services.orders.placing.body import PlaceOrder
from services.orders.placing.domain import KnownChannel, Methods, judged, other_currency, too_large
from tests.unit.demo.examples import DELIVERY, PAYMENT, odd_rows

MONTH = Path(predict.__file__).parent / "data" / "online-retail-2010-12.jsonl.gz"
WEB = KnownChannel("web", "web", "DEMO", ("ro", "it", "fr", "en"), OnShortage.REJECT, "Europe/Bucharest")


@pytest.fixture(scope="module")
def month() -> list[Invoice]:
    return list(invoices(MONTH))


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return predicted(MONTH)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Another month, with everything that December lacks."""
    file = tmp_path / "odd.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in odd_rows()), encoding="utf-8")
    return file


def test_the_month_is_all_there(month: list[Invoice], told: dict[str, Any]) -> None:
    assert len(month) == len(told["invoices"]) == 2025
    assert sum(len(invoice.lines) for invoice in month) == 42_481


def agrees(all_invoices: list[Invoice], told: dict[str, Any]) -> None:
    """What is placed is what the prediction speaks of."""
    wanted = opening_stock(all_invoices)
    for invoice in all_invoices:
        expected = told["invoices"][invoice.number]
        if expected["end"] == "no order":
            assert invoice.kind == expected["why"], invoice.number
            continue
        assert invoice.kind == "order", invoice.number
        assert payment_of(invoice) == expected["payment"]
        assert body_of(invoice, "web")["totals"]["total"]["amount"] == expected["total"], invoice.number
        short = any(not wanted[sku, "main"] + wanted[sku, "second"] for sku in invoice.goods)
        assert (expected["end"] == "cancelled") == short, invoice.number
    assert {sku for sku, _ in wanted} == set(told["stock"]) == set(names_of(all_invoices))


def test_both_statements_of_the_rule_say_the_same_of_every_invoice(month: list[Invoice], told: dict[str, Any]) -> None:
    agrees(month, told)


def test_both_say_the_same_of_another_month(odd: Path) -> None:
    agrees(list(invoices(odd)), predicted(odd))


def placed_well(all_invoices: list[Invoice]) -> None:
    for invoice in all_invoices:
        if invoice.kind == "order":
            order = PlaceOrder.model_validate(body_of(invoice, "web"))
            methods = Methods(DELIVERY[delivery_of(invoice)], PAYMENT[payment_of(invoice)])
            assert not [*too_large(order), *other_currency(order), *judged(order, WEB, methods)], invoice.number


def test_every_order_of_the_month_is_one_that_the_shop_takes(month: list[Invoice]) -> None:
    placed_well(month)


def test_every_order_of_another_month_is_one_that_the_shop_takes(odd: Path) -> None:
    placed_well(list(invoices(odd)))


def test_what_december_lacks_has_its_meaning_too(odd: Path) -> None:
    found = {invoice.number: invoice for invoice in invoices(odd)}
    kinds = {number: invoice.kind for number, invoice in found.items() if invoice.kind != "order"}
    assert kinds == {"C600001": "return", "A600002": "bad_debt", "600003": "stock_correction", "600004": "credit"}
    long = body_of(found["600005"], "web")["lines"]
    assert len(long) == 1000
    assert (long[-1]["sku"], long[-1]["ships"], long[-1]["unit_price"]["amount"]) == ("REST", False, "20.20")
    cheap = body_of(found["600006"], "web")["lines"][0]
    assert (cheap["sku"], cheap["unit_price"]["amount"]) == ("47503J", "0.01")
    only_postage = body_of(found["600007"], "web")
    assert [line["sku"] for line in only_postage["lines"]] == ["POSTAGE"]
    assert only_postage["totals"]["total"]["amount"] == "18.00"
    discounted = body_of(found["600008"], "web")
    assert discounted["discounts"] == [
        {"kind": "adjustment", "code": "D", "amount": {"amount": "5.00", "currency": "GBP"}}
    ]


def test_about_two_in_a_hundred_skus_are_missing(told: dict[str, Any], month: list[Invoice]) -> None:
    stock = opening_stock(month)
    missing = sum(not stock[sku, "main"] + stock[sku, "second"] for sku in told["stock"])
    assert 0.01 < missing / len(told["stock"]) < 0.03
    assert any(end["end"] == "cancelled" for end in told["invoices"].values())


def test_the_prediction_is_short_and_shares_no_code() -> None:
    text = Path(predict.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported <= sys.stdlib_module_names


def as_predicted(told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Decimal]]:
    ends = {number: dict(end) for number, end in told["invoices"].items() if end["end"] != "no order"}
    return ends, {sku: Decimal(pieces) for sku, pieces in told["stock"].items()}


@pytest.mark.parametrize(
    ("member", "value"),
    [("end", "confirmed"), ("why", "shop"), ("total", "0.01"), ("received", "0.02"), ("payment", "cash")],
)
def test_every_kind_of_difference_is_found(told: dict[str, Any], member: str, value: str) -> None:
    ends, stock = as_predicted(told)
    assert differences(told, ends, stock) == []
    number = next(iter(ends))
    ends[number][member] = value
    assert len(differences(told, ends, stock)) == 1


def test_orders_too_many_or_missing_and_stock_that_is_off_are_found(told: dict[str, Any]) -> None:
    ends, stock = as_predicted(told)
    no_order = next(number for number, end in told["invoices"].items() if end["end"] == "no order")
    ends[no_order] = dict(next(iter(ends.values())))
    del ends[next(iter(ends))]
    sku = next(iter(told["stock"]))
    stock[sku] += 1
    stock[f"{sku} (still reserved)"] = Decimal(2)
    assert len(differences(told, ends, stock)) == 4


def test_days_are_chosen_by_first_last_or_how_many(month: list[Invoice]) -> None:
    first, second = datetime(2010, 12, 2).date(), datetime(2010, 12, 3).date()  # noqa: DTZ001 - the shop's own days
    days = {invoice.date.date() for invoice in chosen_days(month, first, second, None)}
    assert days == {first, second}
    assert {invoice.date.date() for invoice in chosen_days(month, second, None, 1)} == {second}
    assert chosen_days(month, None, None, None) == month


def test_the_summary_says_what_has_not_ended(month: list[Invoice]) -> None:
    text = summary(month, Counter(completed=1520, cancelled=103), 7, 1.0)
    assert "1629  orders placed, 7 of them new" in text
    assert "6    NOT AT THEIR END" in text
    assert "326  returns of earlier sales" in text
