"""What it means that something came back."""

from enum import StrEnum


class BounceKind(StrEnum):
    """Why nothing more is sent there."""

    HARD = "hard"  # there is no such mailbox or number
    COMPLAINT = "complaint"  # whoever reads there said that it is unwanted
