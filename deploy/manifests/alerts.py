"""deploy/prometheus/alerts.yaml: what wakes somebody, each with its section of the runbook."""

from dataclasses import dataclass
from typing import Any

RUNBOOK = "docs/runbook.md"


@dataclass(frozen=True, slots=True)
class Alert:
    """When `expr` holds for `lasts`, somebody reads `section` of the runbook: at night too if it is `critical`."""

    name: str
    expr: str
    lasts: str
    says: str
    section: str
    critical: bool = False


ALERTS = (
    Alert(
        "NoRelay",
        "sum by (service) (comanda_relay_active) < 1",
        "2m",
        "No process of {{ $labels.service }} relays: its facts wait.",
        "the-relay-is-behind-or-away",
        critical=True,
    ),
    Alert(
        "TwoRelays",
        "sum by (service) (comanda_relay_active) > 1",
        "2m",
        "Two processes of {{ $labels.service }} believe that they relay.",
        "the-relay-is-behind-or-away",
    ),
    Alert(
        "OutboxBehind",
        "max by (service) (comanda_outbox_age_seconds) > 60",
        "2m",
        "The oldest fact of {{ $labels.service }} waits for {{ $value | humanizeDuration }}.",
        "the-relay-is-behind-or-away",
        critical=True,
    ),
    Alert(
        "FactsRefused",
        "max by (service) (comanda_outbox_refused) > 0",
        "1m",
        "The broker refuses {{ $value }} facts of {{ $labels.service }} for good.",
        "the-broker-refuses-facts",
        critical=True,
    ),
    Alert(
        "PartitionPaused",
        "max by (service) (comanda_partitions_paused) > 0",
        "1m",
        "{{ $labels.service }} stopped reading {{ $value }} partitions after twenty dead letters in a row.",
        "a-partition-is-paused",
        critical=True,
    ),
    Alert(
        "DeadLetters",
        "max by (service) (comanda_dead_letters_open) > 0",
        "1m",
        "{{ $labels.service }} has {{ $value }} facts that it could not take.",
        "dead-letters",
    ),
    Alert(
        "ConsumerLag",
        "max by (consumer) (sum by (consumer, instance) (comanda_consumer_lag)) > 1000",
        "10m",
        "{{ $labels.consumer }} is {{ $value }} facts behind.",
        "lag",
    ),
    Alert(
        "UnknownCalls",
        'max by (service, table) (comanda_outside_rows{state="unknown"}) > 0',
        "30m",
        "{{ $value }} calls in {{ $labels.table }} have had no known outcome for half an hour.",
        "an-outside-call-stays-unknown",
    ),
    Alert(
        "CallsRefused",
        'sum by (service, table) (increase(comanda_outside_answers_total{answer="refused"}[15m])) > 0',
        "0m",
        "Another system refuses calls of {{ $labels.table }}: the mistake is ours.",
        "another-system-refuses-our-calls",
    ),
    Alert(
        "LoginsRefused",
        'sum by (service, table) (increase(comanda_outside_answers_total{answer="wait"}[15m])) > 50',
        "15m",
        "Another system lets calls of {{ $labels.table }} wait: a wrong login, or too many calls.",
        "another-system-refuses-our-calls",
    ),
    Alert(
        "ErrorsAnswered",
        'sum by (service) (rate(comanda_requests_total{status=~"5.."}[5m])) > 0.01',
        "5m",
        "{{ $labels.service }} answers with errors of its own.",
        "requests-fail-or-are-slow",
        critical=True,
    ),
    Alert(
        "RequestsSlow",
        "histogram_quantile(0.99, sum by (service, le) (rate(comanda_request_seconds_bucket[5m]))) > 2.5",
        "10m",
        "One request in a hundred to {{ $labels.service }} takes longer than {{ $value }} s.",
        "requests-fail-or-are-slow",
    ),
    Alert(
        "RequestsLimited",
        "sum by (service) (increase(comanda_limited_total[15m])) > 500",
        "0m",
        "{{ $labels.service }} refuses many requests for their rate.",
        "requests-fail-or-are-slow",
    ),
    Alert(
        "LoopFails",
        "sum by (loop) (increase(comanda_loop_errors_total[15m])) > 10",
        "5m",
        "The loop {{ $labels.loop }} fails again and again.",
        "a-loop-fails",
    ),
    Alert(
        "WebhooksRefused",
        "sum by (provider, reason) (increase(comanda_webhook_refusals_total[15m])) > 20",
        "0m",
        "Webhooks in the name of {{ $labels.provider }} are refused: {{ $labels.reason }}.",
        "webhooks-are-refused",
    ),
    Alert(
        "CallbacksRefused",
        "sum by (reason) (increase(comanda_callback_refusals_total[15m])) > 20",
        "0m",
        "Couriers' callbacks are refused: {{ $labels.reason }}.",
        "webhooks-are-refused",
    ),
    Alert(
        "StrayAwb",
        "increase(comanda_shipping_strays_total[1d]) > 0",
        "0m",
        "A courier held two AWBs for one booking; one was given up.",
        "what-providers-hold-without-a-row-here",
    ),
    Alert(
        "Unannounced",
        "max by (service) (comanda_unannounced) > 0",
        "15m",
        "A provider or courier holds {{ $value }} things that {{ $labels.service }} has no row for.",
        "what-providers-hold-without-a-row-here",
    ),
    Alert(
        "RestoreUnfinished",
        "max by (service) (comanda_restoring) > 0",
        "30m",
        "{{ $labels.service }} has waited for the end of a restore for half an hour.",
        "postgresql-is-lost",
    ),
    Alert(
        "RulesChaseEachOther",
        'increase(comanda_rules_refused_total{reason="too_deep"}[15m]) > 0',
        "0m",
        "Rules of the shop led from one to the next more than eight deep; the ninth was refused.",
        "rules-chase-each-other",
    ),
    Alert(
        "DatabaseGrows",
        "deriv(comanda_database_bytes[6h]) * 86400 > 20e9",
        "1h",
        "The database of {{ $labels.service }} grows by {{ $value | humanize1024 }}B a day.",
        "the-disk-is-full",
    ),
)


def rules() -> dict[str, Any]:
    """The file, as Prometheus reads it."""
    return {"groups": [{"name": "comanda", "rules": [_rule(alert) for alert in ALERTS]}]}


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": f"Comanda{alert.name}",
        "expr": alert.expr,
        "for": alert.lasts,
        "labels": {"severity": "critical" if alert.critical else "warning"},
        "annotations": {"summary": alert.says, "runbook": f"{RUNBOOK}#{alert.section}"},
    }
