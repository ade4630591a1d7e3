"""What is counted of rules."""

from prometheus_client import Counter

REFUSED = Counter("comanda_rules_refused_total", "Rules that could not set their status, by reason.", ["reason"])
