"""Settings from the environment: read once at start, wrong ones stop the process and say which variable is wrong."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

S = TypeVar("S", bound="ServiceSettings")

SHARED = ("events_", "auth_")
"""Settings that begin so are shared by all services: `EVENTS_BUS` serves where `ORDERS_EVENTS_BUS` is not set."""


class SettingsError(Exception):
    """The environment does not describe a service that can start; the message names each variable."""


def variables(prefix: str, field: str) -> tuple[str, ...]:
    """The variables that may hold a setting, the strongest first; each may also end in `_FILE` and name a file."""
    own = f"{prefix}{field}".upper()
    if field == "mode":
        return own, "COMANDA_MODE"
    return (own, field.upper()) if field.startswith(SHARED) else (own,)


class Environment(PydanticBaseSettingsSource):
    """Reads `variables()`; an empty variable counts as absent."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of a setting, from its variable or from the file that `<variable>_FILE` names."""
        for name in variables(self.config["env_prefix"], field_name):
            if text := os.environ.get(name):
                return text, field_name, self.field_is_complex(field)
            if path := os.environ.get(f"{name}_FILE"):
                return Path(path).read_text(encoding="utf-8").strip(), field_name, self.field_is_complex(field)
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every setting that the environment names."""
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, is_complex = self.get_field_value(field, name)
            if value is not None:
                found[key] = self.decode_complex_value(name, field, value) if is_complex else value
        return found


class ServiceSettings(BaseSettings):
    """What every service needs to know. A service adds its own and sets `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    mode: Literal["development", "production"] = "production"
    database_url: Annotated[str, Field(pattern=r"^postgresql://")]
    pool_size: Annotated[int, Field(ge=2, le=200)] = 8
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000  # of a worker or relay alone: health and metrics; 0: neither
    trusted_proxies: str = "127.0.0.1"  # whose X-Forwarded-For is believed
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    events_bus: Annotated[str, Field(pattern=r"^(kafka|postgresql)://")]

    events_tls: bool = False
    events_tls_ca_file: Path | None = None
    events_tls_cert_file: Path | None = None
    events_tls_key_file: Path | None = None
    events_sasl_mechanism: str = "SCRAM-SHA-512"
    events_sasl_username: str | None = None
    events_password_file: Path | None = None

    auth_issuer: str | None = None
    auth_audience: str = "comanda"
    auth_jwks_url: str | None = None
    auth_jwks_file: Path | None = None
    auth_development_keys: dict[str, SecretStr] = {}

    max_body: Annotated[int, Field(ge=1024)] = 1024 * 1024
    body_within: timedelta = timedelta(seconds=30)
    requests_per_second: Annotated[float, Field(gt=0)] = 1000  # of one principal
    requests_burst: Annotated[int, Field(ge=1)] = 4000
    public_per_second: Annotated[float, Field(gt=0)] = 50  # of one customer, or of one address without credentials
    public_burst: Annotated[int, Field(ge=1)] = 200
    signed_per_second: Annotated[float, Field(gt=0)] = 2000  # of one address that sends webhooks or callbacks
    signed_burst: Annotated[int, Field(ge=1)] = 8000
    stop_within: timedelta = timedelta(seconds=20)
    lame_duck: timedelta = timedelta(seconds=5)  # of an API told to stop: not ready any more, still serving

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by ours
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - `<variable>_FILE` instead
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment; nothing else."""
        return init_settings, Environment(settings_cls)

    @field_validator("auth_jwks_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("is a URL")
        return value

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.auth_jwks_url or self.auth_jwks_file:
            if not self.auth_issuer:
                raise ValueError("AUTH_ISSUER: needed beside AUTH_JWKS_URL or AUTH_JWKS_FILE")
        elif self.auth_issuer:
            raise ValueError("AUTH_JWKS_URL: needed beside AUTH_ISSUER")
        if self.mode == "production" and (reasons := self.unfit()):
            raise ValueError("; ".join(reasons))
        return self

    def unfit(self) -> list[str]:
        """Why production must not start with these settings; a service adds its own reasons to its super's."""
        reasons = []
        if self.auth_development_keys:
            reasons.append("AUTH_DEVELOPMENT_KEYS: exist in development mode only")
        if self.auth_jwks_url and not self.auth_jwks_url.startswith("https://"):
            reasons.append("AUTH_JWKS_URL: must be https in production")
        if "*" in self.trusted_proxies:
            reasons.append("TRUSTED_PROXIES: name the proxies; '*' would believe anybody")
        if not _has_password(self.database_url):
            reasons.append("DATABASE_URL: has no password")
        if self.events_bus.startswith("postgresql://") and not _has_password(self.events_bus):
            reasons.append("EVENTS_BUS: has no password")
        if self.events_bus.startswith("kafka://") and not (self.events_sasl_username or self.events_tls_cert_file):
            reasons.append("EVENTS_SASL_USERNAME: a service has a Kafka login of its own in production")
        return reasons

    def bus_settings(self) -> dict[str, Any]:
        """The `EVENTS_*` settings as `open_bus` takes them."""
        names = ("tls", "tls_ca_file", "tls_cert_file", "tls_key_file", "sasl_mechanism", "sasl_username")
        return {name: getattr(self, f"events_{name}") for name in names} | {"password_file": self.events_password_file}


def _has_password(url: str) -> bool:
    host = url.split("://", 1)[1].split("/", 1)[0]
    return "@" in host and ":" in host.rsplit("@", 1)[0] and not host.rsplit("@", 1)[0].endswith(":")


def load(settings: type[S]) -> S:
    """Read the environment; SettingsError names every variable that is missing, wrong or unknown."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    known = {name for field in settings.model_fields for name in variables(prefix, field)}
    known |= {f"{name}_FILE" for name in known}
    wrong = [f"{name}: unknown setting" for name in sorted(os.environ) if name.startswith(prefix) and name not in known]
    try:
        loaded = settings()
    except ValidationError as error:
        for each in error.errors():
            name = variables(prefix, str(each["loc"][0]))[-1] + ": " if each["loc"] else ""
            wrong.append(f"{name}{each['msg'].removeprefix('Value error, ')}")
        raise SettingsError("\n".join(wrong)) from None
    except (OSError, ValueError) as error:  # an unreadable file, JSON that is none
        raise SettingsError("\n".join([*wrong, str(error)])) from None
    if wrong and prefix:
        raise SettingsError("\n".join(wrong))
    return loaded
