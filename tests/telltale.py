"""Whether a text tells what it must not tell.

Identifiers, moments and tokens are left out first: what a machine makes up holds any three digits sooner or later,
"07" from seven o'clock on.
"""

import re
from collections.abc import Iterable

_MADE_UP = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # an identifier
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"  # a moment
    r"|[A-Za-z0-9_-]{32,}",  # a token, a digest
    re.IGNORECASE,
)


def telltales(text: str, words: Iterable[str]) -> list[str]:
    """Which of the words stand in the text, as they are written, outside of what machines make up."""
    plain = _MADE_UP.sub(" ", text)
    return [word for word in words if word in plain]
