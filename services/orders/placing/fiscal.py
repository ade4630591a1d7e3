"""Fiscal ids by country: whether one is well formed, as far as its own check digits can tell. Pure."""

import re
from collections.abc import Callable

from stdnum.eu import vat
from stdnum.fr import siren, siret
from stdnum.it import codicefiscale, iva
from stdnum.ro import cf, cnp

_SDI = re.compile(r"[A-Z0-9]{6,7}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_EU = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split()  # noqa: SIM905 - as they are listed
)

KINDS: dict[str, Callable[[str], bool]] = {
    "cui": cf.is_valid,
    "cnp": cnp.is_valid,
    "codice_fiscale": lambda text: bool(codicefiscale.is_valid(text) or iva.is_valid(text)),
    "partita_iva": iva.is_valid,
    "sdi_code": lambda text: _SDI.fullmatch(text) is not None,
    "pec": lambda text: _MAIL.fullmatch(text) is not None,
    "siret": siret.is_valid,
    "siren": siren.is_valid,
}
"""What can be checked, by the name under which it is submitted; other names are kept as they are."""


def well_formed(kind: str, text: str) -> bool:
    """Whether a fiscal id of this kind can be right."""
    check = KINDS.get(kind)
    return check is None or bool(check(text))


def vat_well_formed(text: str) -> bool:
    """Whether a VAT id can be right: European ones by their check digits, others are taken as they are."""
    compact = text.replace(" ", "").upper()
    return bool(vat.is_valid(compact)) if compact[:2] in _EU else len(compact) > 3  # noqa: PLR2004 - shorter is none
