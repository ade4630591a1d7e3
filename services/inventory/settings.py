"""INVENTORY_* variables."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings


class Settings(ServiceSettings):
    """What inventory needs to know beside what every service does."""

    model_config = SettingsConfigDict(env_prefix="INVENTORY_", frozen=True)

    max_body: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024  # 10,000 rows of a push
    publish_every: timedelta = timedelta(minutes=15)  # no published availability is older
    look_every: timedelta = timedelta(seconds=1)  # for changes to publish, and for goods that somebody waits for
    public_max_age: timedelta = timedelta(seconds=5)  # how long a storefront's cache may keep availability
