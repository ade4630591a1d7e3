"""PAYMENTS_* variables."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings

LIVE_API = "https://api-m.paypal.com"
LIVE_CERT_HOSTS = ("api.paypal.com", "api-m.paypal.com")
LIVE_CERT_NAMES = ("messageverificationcerts.paypal.com",)
SANDBOX_CERT_NAMES = ("messageverificationcerts.sandbox.paypal.com",)


class Settings(ServiceSettings):
    """What payments needs to know beside what every service does. Without a client id, PayPal is not used."""

    model_config = SettingsConfigDict(env_prefix="PAYMENTS_", frozen=True)

    public_url: str = "http://127.0.0.1:8103"  # where a buyer's browser reaches this service
    after_payment_url: str | None = None  # where a buyer is sent when the provider sends them back

    paypal_base_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] = LIVE_API
    paypal_client_id: str = ""
    paypal_client_secret: SecretStr = SecretStr("")
    paypal_merchant_id: str | None = None  # whom the money must be for; not checked when unset
    paypal_brand_name: Annotated[str, Field(max_length=127)] = ""
    paypal_webhook_id: str = ""
    paypal_cert_hosts: tuple[str, ...] = LIVE_CERT_HOSTS  # host, or host:port
    paypal_cert_names: tuple[str, ...] = ()  # unset: PayPal's own, and in development its sandbox's
    paypal_trust_store: Path | None = None  # PEM; unset: the roots that browsers trust
    paypal_within: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(seconds=25))] = timedelta(seconds=10)

    call_lease: timedelta = timedelta(seconds=30)  # longer than PAYPAL_WITHIN: a call that takes longer is looked up
    outcome_within: timedelta = timedelta(seconds=20)  # how long a route waits for a provider before it answers 202
    look_up_after: timedelta = timedelta(seconds=5)
    look_up_grace: timedelta = timedelta(seconds=60)
    settle_every: timedelta = timedelta(seconds=30)  # how often open payments are gone through for one to look at

    @property
    def uses_paypal(self) -> bool:
        """Whether credentials for it are there."""
        return bool(self.paypal_client_id)

    @property
    def cert_names(self) -> tuple[str, ...]:
        """The names that a webhook's signer may have."""
        usual = LIVE_CERT_NAMES + (SANDBOX_CERT_NAMES if self.mode == "development" else ())
        return self.paypal_cert_names or usual

    def unfit(self) -> list[str]:
        """Nothing of a sandbox, and nothing half configured, in production."""
        reasons = super().unfit()
        if not self.uses_paypal:
            return reasons
        if not self.paypal_client_secret.get_secret_value():
            reasons.append("PAYMENTS_PAYPAL_CLIENT_SECRET: needed beside PAYMENTS_PAYPAL_CLIENT_ID")
        if not self.paypal_webhook_id:
            reasons.append("PAYMENTS_PAYPAL_WEBHOOK_ID: needed, or no webhook could be verified")
        address = urlsplit(self.paypal_base_url)
        if address.scheme != "https" or _is_sandbox(address.hostname or ""):
            reasons.append("PAYMENTS_PAYPAL_BASE_URL: https and no sandbox in production")
        if not self.paypal_cert_hosts or any(_is_sandbox(host) for host in self.paypal_cert_hosts):
            reasons.append("PAYMENTS_PAYPAL_CERT_HOSTS: no sandbox in production")
        if any(_is_sandbox(name) for name in self.paypal_cert_names):
            reasons.append("PAYMENTS_PAYPAL_CERT_NAMES: no sandbox in production")
        if not self.public_url.startswith("https://"):
            reasons.append("PAYMENTS_PUBLIC_URL: https in production")
        return reasons


def _is_sandbox(host: str) -> bool:
    name = host.rsplit(":", 1)[0].lower()
    return "sandbox" in name or name in ("localhost", "127.0.0.1", "::1")
