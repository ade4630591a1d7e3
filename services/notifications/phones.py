"""Phone numbers as people write them, as a gateway wants them: E.164."""

import re
from collections.abc import Mapping

_NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_NOISE = re.compile(r"[\s\u00a0\u202f()./\-\u2010-\u2015]+")
KEEPS_ITS_ZERO = frozenset({"IT", "SM", "VA"})
"""Where the zero of a number is dialled from abroad too."""

CODES = {
    "AT": "43", "BE": "32", "BG": "359", "CH": "41", "CY": "357", "CZ": "420", "DE": "49", "DK": "45", "EE": "372",
    "ES": "34", "FI": "358", "FR": "33", "GB": "44", "GR": "30", "HR": "385", "HU": "36", "IE": "353", "IS": "354",
    "IT": "39", "LI": "423", "LT": "370", "LU": "352", "LV": "371", "MC": "377", "MD": "373", "MT": "356", "NL": "31",
    "NO": "47", "PL": "48", "PT": "351", "RO": "40", "RS": "381", "SE": "46", "SI": "386", "SK": "421", "SM": "378",
    "TR": "90", "UA": "380", "US": "1", "VA": "39",
}  # fmt: skip
"""How a country is dialled from abroad (ITU-T E.164)."""


def number_of(text: str, country: str | None, codes: Mapping[str, str]) -> str | None:
    """The number with its country code; a number without one is of `country`. None when it is no number.

    `codes`: country to dialling code, such as RO to 40.
    """
    digits = _NOISE.sub("", text.strip().replace("(0)", ""))
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not digits.startswith("+"):
        code = codes.get((country or "").upper())
        if code is None or not digits.isascii() or not digits.isdigit():
            return None
        if digits.startswith("0") and (country or "").upper() not in KEEPS_ITS_ZERO:
            digits = digits[1:]
        digits = f"+{code}{digits}"
    return digits if _NUMBER.fullmatch(digits) else None
