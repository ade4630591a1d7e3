"""ORDERS_* variables; a wrong value stops the process at start, not at first use."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings


class Settings(ServiceSettings):
    """What orders needs to know beside what every service does."""

    model_config = SettingsConfigDict(env_prefix="ORDERS_", frozen=True)

    max_body: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024  # a thousand lines with all their attributes
    deadlines_every: timedelta = timedelta(seconds=1)  # how often reservation deadlines are looked at
    counters_every: timedelta = timedelta(seconds=1)  # how often what was counted is folded into the counters
    lists_checked_every: timedelta = timedelta(hours=1)  # how often orders are looked for that lists lack
    stream_every: timedelta = timedelta(milliseconds=250)  # how often the live stream looks for what is new
    stream_heartbeat: timedelta = timedelta(seconds=15)  # a sign of life while nothing happens
    stream_stall: timedelta = timedelta(seconds=30)  # how long a reader may take nothing before it is cut off
    stream_readers: Annotated[int, Field(ge=1)] = 200  # how many may watch one process
    link_key: SecretStr | None = None  # signs the links by which customers follow their orders
    link_key_before: SecretStr | None = None  # while keys change: links that it signed still open
    public_tracking_url: Annotated[str, Field(pattern=r"^(https?://.*)?$")] = ""  # where such links begin; empty: here

    @property
    def open_to_customers(self) -> str:
        """The address that the links of customers begin with, where their channel names none."""
        return (self.public_tracking_url or f"http://{self.host}:{self.port}").rstrip("/")

    def unfit(self) -> list[str]:
        """Production also needs a key of its own, and an address that customers reach."""
        reasons = super().unfit()
        if self.link_key is None:
            reasons.append("ORDERS_LINK_KEY: needed in production")
        if not self.public_tracking_url.startswith("https://"):
            reasons.append("ORDERS_PUBLIC_TRACKING_URL: https in production, where customers follow their orders")
        return reasons
