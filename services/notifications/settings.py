"""NOTIFICATIONS_* variables."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings
from services.notifications.domain import address_of

LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})

FIELDS = {"to": "{to}", "from": "{sender}", "text": "{text}", "reference": "{reference}"}
HEADERS = {"Idempotency-Key": "{reference}"}


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
    public_tracking_url: Annotated[str, Field(pattern=r"^(https?://.*)?$")] = ""  # where customers' links begin

    sms: Literal["off", "generic", "twilio"] = "off"  # which gateway takes SMS
    sms_url: Annotated[str, Field(pattern=r"^(https?://.*)?$")] = ""  # twilio: empty for its own
    sms_method: Literal["POST", "PUT", "GET"] = "POST"
    sms_body: Literal["json", "form", "query"] = "json"  # where the fields stand
    sms_fields: dict[str, str] = FIELDS
    sms_headers: dict[str, str] = HEADERS
    sms_auth_header: str = "Authorization"
    sms_auth: SecretStr | None = None  # the value of that header, such as `Bearer ...`
    sms_yes: str = ""  # found in the answer to what was taken; empty: any answer of 2xx
    sms_no: str = ""  # found in the answer to what never will be
    sms_id: str = "id"  # the member of a JSON answer that names the message
    sms_sender: str = ""  # where a channel names none
    sms_account: str = ""  # twilio: the account's SID
    sms_token: SecretStr | None = None  # twilio
    sms_timeout: timedelta = timedelta(seconds=10)
    sms_connections: Annotated[int, Field(ge=1, le=50)] = 4
    sms_tries: Annotated[int, Field(ge=1, le=20)] = 5  # of a generic gateway that answers nothing clear
    sms_grace: timedelta = timedelta(seconds=60)  # between two look-ups that find nothing
    sms_give_up_after: timedelta = timedelta(hours=12)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if address_of(self.mail_from) is None or not self.mail_from.isascii():
            raise ValueError("MAIL_FROM: is no e-mail address in ASCII")
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("SMTP_PASSWORD: a user name and a password belong together")
        if self.smtp_username is not None and self.smtp_tls == "none" and self.smtp_host not in LOCAL:
            raise ValueError("SMTP_TLS: a password does not travel in the clear")
        self._sms_makes_sense()
        return self

    def _sms_makes_sense(self) -> None:
        if self.sms == "generic" and not self.sms_url:
            raise ValueError("SMS_URL: needed for a generic gateway")
        if self.sms == "twilio" and not (self.sms_account and self.sms_token and self.sms_sender):
            raise ValueError("SMS_ACCOUNT: twilio needs SMS_ACCOUNT, SMS_TOKEN and SMS_SENDER")
        for name, pattern in (("SMS_YES", self.sms_yes), ("SMS_NO", self.sms_no)):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{name}: is no regular expression") from error

    def unfit(self) -> list[str]:
        """Production also needs a sender of its own, and TLS to a server elsewhere."""
        reasons = super().unfit()
        if self.mail_from.endswith("@localhost"):
            reasons.append("NOTIFICATIONS_MAIL_FROM: needed in production")
        if self.smtp_tls == "none" and self.smtp_host not in LOCAL:
            reasons.append("NOTIFICATIONS_SMTP_TLS: must be starttls or tls in production")
        if self.public_tracking_url.startswith("http://"):
            reasons.append("NOTIFICATIONS_PUBLIC_TRACKING_URL: must be https in production")
        if self.sms != "off" and self.sms_url.startswith("http://"):
            reasons.append("NOTIFICATIONS_SMS_URL: must be https in production")
        return reasons
