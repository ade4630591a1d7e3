"""ORDERS_* variables; a wrong value stops the process at start, not at first use."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings


class Settings(ServiceSettings):
    """What orders needs to know beside what every service does."""

    model_config = SettingsConfigDict(env_prefix="ORDERS_", frozen=True)

    max_body: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024  # a thousand lines with all their attributes
    deadlines_every: timedelta = timedelta(seconds=1)  # how often reservation deadlines are looked at
