"""SHIPPING_* variables."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings


class Settings(ServiceSettings):
    """What shipping needs to know; a wrong value stops the process at start."""

    model_config = SettingsConfigDict(env_prefix="SHIPPING_", frozen=True, extra="forbid")

    public_url: Annotated[str, Field(pattern=r"^(https?://.*)?$")] = ""  # where customers follow parcels; empty: here
    secrets_key: SecretStr | None = None  # seals couriers' credentials and callback secrets in the database
    secrets_key_before: SecretStr | None = None  # while keys change: what it sealed is opened, and sealed anew
    fan_base_url: Annotated[str, Field(pattern=r"^https?://")] = "https://api.fancourier.ro"
    courier_timeout: timedelta = timedelta(seconds=10)
    call_lease: timedelta = timedelta(seconds=30)
    look_up_after: timedelta = timedelta(seconds=5)
    absence_grace: timedelta = timedelta(seconds=60)
    wait_for_courier: timedelta = timedelta(seconds=20)  # how long a request waits for an AWB or a label: then 202
    poll_every: timedelta = timedelta(minutes=30)  # how often a courier is asked where one parcel is
    poll_round: timedelta = timedelta(seconds=5)
    strays_every: timedelta = timedelta(hours=1)  # how often couriers' lists are searched for AWBs that are nobody's
    callback_skew: timedelta = timedelta(minutes=5)
    callback_patience: timedelta = timedelta(hours=24)  # how long a callback may name an AWB that is not known yet

    @property
    def open_to_customers(self) -> str:
        """The address that tracking links begin with."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def unfit(self) -> list[str]:
        """Production also needs a key of its own, and couriers over TLS."""
        reasons = super().unfit()
        if self.secrets_key is None:
            reasons.append("SHIPPING_SECRETS_KEY: needed in production")
        if not self.public_url:
            reasons.append("SHIPPING_PUBLIC_URL: needed in production, where customers follow their parcels")
        if not self.fan_base_url.startswith("https://"):
            reasons.append("SHIPPING_FAN_BASE_URL: must be https in production")
        return reasons
