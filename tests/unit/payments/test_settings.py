"""Production starts with PayPal's own hosts and nothing of a sandbox, or not at all."""

import pytest
from pydantic import ValidationError

from services.payments.settings import Settings

LIVE = {
    "database_url": "postgresql://payments:secret@db/comanda_payments",
    "events_bus": "kafka://broker:9092",
    "public_url": "https://shop.example",
    "paypal_client_id": "id",
    "paypal_client_secret": "secret",
    "paypal_webhook_id": "WH-1",
}


def reasons(**changed: object) -> list[str]:
    """What payments itself has against production."""
    settings = Settings(**{**LIVE, "mode": "development", **changed})  # type: ignore[arg-type]
    return [reason for reason in settings.unfit() if reason.startswith("PAYMENTS_")]


def test_production_starts_with_paypals_own_hosts() -> None:
    assert reasons() == []


def test_production_starts_without_paypal() -> None:
    assert reasons(paypal_client_id="", public_url="http://shop") == []


def test_only_development_believes_the_sandboxes_signer() -> None:
    settings = Settings(**{**LIVE, "mode": "development"})  # type: ignore[arg-type]
    assert "messageverificationcerts.sandbox.paypal.com" in settings.cert_names
    live = settings.model_copy(update={"mode": "production"})
    assert live.cert_names == ("messageverificationcerts.paypal.com",)


@pytest.mark.parametrize(("name", "value", "says"), [
    ("paypal_base_url", "https://api-m.sandbox.paypal.com", "PAYPAL_BASE_URL"),
    ("paypal_base_url", "http://api-m.paypal.com", "PAYPAL_BASE_URL"),
    ("paypal_cert_hosts", ("api.paypal.com", "api.sandbox.paypal.com"), "PAYPAL_CERT_HOSTS"),
    ("paypal_cert_hosts", ("localhost:8443",), "PAYPAL_CERT_HOSTS"),
    ("paypal_cert_names", ("messageverificationcerts.sandbox.paypal.com",), "PAYPAL_CERT_NAMES"),
    ("paypal_client_secret", "", "PAYPAL_CLIENT_SECRET"),
    ("paypal_webhook_id", "", "PAYPAL_WEBHOOK_ID"),
    ("public_url", "http://shop.example", "PUBLIC_URL"),
])  # fmt: skip
def test_production_refuses_a_sandbox_and_half_a_configuration(name: str, value: object, says: str) -> None:
    assert any(says in reason for reason in reasons(**{name: value}))
    with pytest.raises(ValidationError, match=says):
        Settings(**{**LIVE, name: value})  # type: ignore[arg-type]
