"""The base of every fact that crosses a wall: a frozen pydantic model with a topic and a partition key."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

E = TypeVar("E", bound=StrEnum)

MAX_FACT_BYTES = 900_000
"""The largest fact `emit()` accepts, in bytes of JSON."""


class Part(BaseModel):
    """A piece of a fact: frozen, and forgiving to members it does not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Part):
    """A fact. Its topic is its name; its value on the wire is its JSON and nothing else.

    Readers ignore unknown members, so a newer writer never breaks an older reader. Personal data stands only
    under a member named `person`.
    """

    topic: ClassVar[str]
    major: ClassVar[int] = 1
    compacted: ClassVar[bool] = False  # reference facts without personal data: a new reader starts from them

    @property
    def key(self) -> str:
        """The partition key: the order id for whatever concerns an order, the row's id for reference facts."""
        raise NotImplementedError

    @classmethod
    def dataschema(cls) -> str:
        """Name and major version of the contract, as `ce_dataschema` carries it."""
        return f"{cls.topic}.v{cls.major}"


def known(kind: type[E]) -> object:
    """The type of a member that holds one of `kind`, or as plain text a value that a newer writer invented."""
    return Annotated[kind | str, Field(union_mode="left_to_right")]
