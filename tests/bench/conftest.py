"""Fixtures of the exact counters."""

from tests.bench.statements import statements

__all__ = ["statements"]
