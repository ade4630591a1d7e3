"""NOTIFICATIONS_* variables."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings
from services.notifications.domain import address_of

LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(ServiceSettings):
    """What notifications needs to know; a wrong value stops the process at start."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", frozen=True, extra="forbid")

    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 25
    smtp_tls: Literal["none", "starttls", "tls"] = "none"
    smtp_ca_file: Path | None = None  # instead of the authorities the system knows
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_timeout: timedelta = timedelta(seconds=20)  # for each answer of the server
    smtp_connections: Annotated[int, Field(ge=1, le=100)] = 8
    mail_from: str = "shop@localhost"  # sends where a channel names no address, and takes what bounces
    call_lease: timedelta = timedelta(seconds=60)
    look_up_after: timedelta = timedelta(seconds=5)  # before a mail of unknown fate is sent again
    give_up_after: timedelta = timedelta(days=5)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if address_of(self.mail_from) is None or not self.mail_from.isascii():
            raise ValueError("MAIL_FROM: is no e-mail address in ASCII")
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("SMTP_PASSWORD: a user name and a password belong together")
        if self.smtp_username is not None and self.smtp_tls == "none" and self.smtp_host not in LOCAL:
            raise ValueError("SMTP_TLS: a password does not travel in the clear")
        return self

    def unfit(self) -> list[str]:
        """Production also needs a sender of its own, and TLS to a server elsewhere."""
        reasons = super().unfit()
        if self.mail_from.endswith("@localhost"):
            reasons.append("NOTIFICATIONS_MAIL_FROM: needed in production")
        if self.smtp_tls == "none" and self.smtp_host not in LOCAL:
            reasons.append("NOTIFICATIONS_SMTP_TLS: must be starttls or tls in production")
        return reasons
