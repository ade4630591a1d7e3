"""VAT taken out of prices that include it: exact fractions, rounded once per rate. Pure.

Every part that a total is divided into adds up to it again, to the cent.
"""

from collections.abc import Sequence
from fractions import Fraction

HUNDRED = 100


def rounded(exact: Fraction) -> int:
    """To whole minor units, half away from zero."""
    up = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return up if exact >= 0 else -up


def net_of(gross: int, rate: str) -> int:
    """What of a gross amount is the seller's; `rate` in percent, as text."""
    percent = Fraction(rate)
    return gross - rounded(gross * percent / (HUNDRED + percent))


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount by weights, none of them negative: largest remainders first, of equals the first.

    Where nothing weighs anything every part weighs the same. No parts can take nothing.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    exact = [Fraction(abs(amount) * weight, whole) for weight in weights]
    parts = [int(each) for each in exact]
    by_remainder = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
    for n in by_remainder[: abs(amount) - sum(parts)]:
        parts[n] += 1
    return parts if amount >= 0 else [-part for part in parts]
