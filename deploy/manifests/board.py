"""deploy/grafana/comanda.json: the board that an operator looks at."""

from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT = 8, 8  # of a panel; a row has 24 columns


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture of one question."""

    title: str
    legend: str
    expr: str
    unit: str = "short"
    single: bool = False  # one number for each label instead of a line


ROWS = {
    "Is it well?": (
        Panel("Relays at work (one each)", "{{service}}", "sum by (service) (comanda_relay_active)", single=True),
        Panel("Dead letters", "{{service}}", "max by (service) (comanda_dead_letters_open)", single=True),
        Panel("Paused partitions", "{{service}}", "max by (service) (comanda_partitions_paused)", single=True),
        Panel("Facts the broker refuses", "{{service}}", "max by (service) (comanda_outbox_refused)", single=True),
        Panel("Errors answered", "{{service}}", 'sum by (service) (rate(comanda_requests_total{status=~"5.."}[5m]))'),
        Panel("Without a row here", "{{service}}", "max by (service) (comanda_unannounced)", single=True),
    ),
    "The shop": (
        Panel(
            "Orders an hour",
            "{{topic}}",
            'sum by (topic) (increase(comanda_facts_taken_total{consumer="notifications",'
            'topic=~"order.(created|confirmed|cancelled|shipped|delivered|completed)"}[1h]))',
        ),
        Panel("Mails an hour", "{{kind}} {{outcome}}", "sum by (kind, outcome) (increase(comanda_mails_total[1h]))"),
        Panel("Webhooks a minute", "known: {{known}}", "sum by (known) (rate(comanda_webhooks_total[5m])) * 60"),
    ),
    "Facts": (
        Panel("Waiting in the outbox", "{{service}}", "max by (service) (comanda_outbox_depth)"),
        Panel("Oldest that waits", "{{service}}", "max by (service) (comanda_outbox_age_seconds)", "s"),
        Panel("Published", "{{service}}", "sum by (service) (rate(comanda_facts_published_total[5m]))", "ops"),
        Panel("Taken", "{{consumer}}", "sum by (consumer) (rate(comanda_facts_taken_total[5m]))", "ops"),
        Panel("Behind", "{{consumer}}", "max by (consumer) (sum by (consumer, instance) (comanda_consumer_lag))"),
        Panel(
            "New dead letters",
            "{{consumer}} {{topic}}",
            "sum by (consumer, topic) (increase(comanda_dead_letters_total[1h]))",
        ),
    ),
    "Requests": (
        Panel(
            "Answers", "{{service}} {{status}}", "sum by (service, status) (rate(comanda_requests_total[5m]))", "reqps"
        ),
        Panel(
            "p95",
            "{{service}}",
            "histogram_quantile(0.95, sum by (service, le) (rate(comanda_request_seconds_bucket[5m])))",
            "s",
        ),
        Panel("Refused for their rate", "{{service}}", "sum by (service) (rate(comanda_limited_total[5m]))", "reqps"),
    ),
    "Other systems": (
        Panel("Answers", "{{table}} {{answer}}", "sum by (table, answer) (rate(comanda_outside_answers_total[5m]))"),
        Panel("Not settled yet", "{{table}} {{state}}", "max by (table, state) (comanda_outside_rows)"),
        Panel(
            "p95",
            "{{table}}",
            "histogram_quantile(0.95, sum by (table, le) (rate(comanda_outside_seconds_bucket[5m])))",
            "s",
        ),
        Panel(
            "Webhooks refused",
            "{{provider}} {{reason}}",
            "sum by (provider, reason) (increase(comanda_webhook_refusals_total[1h]))",
        ),
        Panel("Loops that fail", "{{loop}}", "sum by (loop) (increase(comanda_loop_errors_total[15m]))"),
        Panel("Databases", "{{service}}", "max by (service) (comanda_database_bytes)", "bytes"),
    ),
}


def board() -> dict[str, Any]:
    """The board, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        panels.append({"type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []})
        y += 1
        for n, panel in enumerate(row):
            place = {"x": n % 3 * WIDTH, "y": y + n // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT}
            panels.append(_panel(panel) | {"gridPos": place})
        y += -(-len(row) // 3) * HEIGHT
    return {
        "uid": "comanda",
        "title": "Comanda",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [panel | {"id": n} for n, panel in enumerate(panels, 1)],
    }


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": "stat" if panel.single else "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "datasource": SOURCE, "expr": panel.expr, "legendFormat": panel.legend}],
    }
