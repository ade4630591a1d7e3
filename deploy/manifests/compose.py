"""deploy/compose.yaml: everything on one machine, to try it out; three brokers instead of one by a second file."""

from typing import Any

from deploy.manifests.plan import PORT, variable
from deploy.system import DATABASES, EVENTS, PROCESSES, Process

Manifest = dict[str, Any]

POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.1.0"
MAIL_IMAGE = "axllent/mailpit:v1.27"
CLIENTS, CONTROLLER = 9092, 9093
PASSWORD = "${COMANDA_PASSWORD:?name a password for the databases}"  # noqa: S105 - a question to the person
KEY = "${COMANDA_KEY:?name a key with which the APIs are called}"
CLUSTER = "comanda-trial-cluster0"  # any 22 characters; the volume remembers them
READY = "import urllib.request as r; r.urlopen('http://127.0.0.1:%d/health/ready', timeout=4)"


def one_broker() -> Manifest:
    """The whole file."""
    services: Manifest = {
        "postgres": _postgres(),
        "kafka-1": _broker(1, 1),
        "mail": {"image": MAIL_IMAGE, "ports": ["127.0.0.1:8175:8025"], "restart": "unless-stopped"},
        "databases": _job(["databases"], after={"postgres": "service_healthy"}),
        "prepare": _job(
            ["prepare"], after={"databases": "service_completed_successfully", "kafka-1": "service_healthy"}
        ),
    }
    services |= {process.name: _service(process) for process in PROCESSES}
    return {"name": "comanda", "services": services, "volumes": {"postgres": {}, "kafka-1": {}}}


def three_brokers() -> Manifest:
    """What the second file changes: a cluster that stands the loss of one."""
    brokers = {f"kafka-{n}": _broker(n, 3) for n in (1, 2, 3)}
    healthy = {f"kafka-{n}": {"condition": "service_healthy"} for n in (1, 2, 3)}
    told = {"environment": {"EVENTS_BUS": _bus(3)}}
    services = brokers | {"prepare": told | {"depends_on": healthy}} | {process.name: told for process in PROCESSES}
    return {"name": "comanda", "services": services, "volumes": {name: {} for name in brokers}}


def _bus(brokers: int) -> str:
    return "kafka://" + ",".join(f"kafka-{n + 1}:{CLIENTS}" for n in range(brokers))


def _postgres() -> Manifest:
    return {
        "image": POSTGRES_IMAGE,
        "environment": {"POSTGRES_PASSWORD": PASSWORD},
        "command": ["-c", "max_connections=300"],
        "volumes": ["postgres:/var/lib/postgresql"],
        "healthcheck": _healthcheck(["CMD-SHELL", "pg_isready -U postgres"]),
        "restart": "unless-stopped",
    }


def _broker(n: int, count: int) -> Manifest:
    """A broker which is a controller too, set as deploy/kafka.py sets the local ones."""
    replicas, in_sync = min(3, count), 2 if count > 1 else 1
    settings: dict[str, object] = {
        "node.id": n,
        "process.roles": "broker,controller",
        "controller.quorum.voters": ",".join(f"{m}@kafka-{m}:{CONTROLLER}" for m in range(1, count + 1)),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://:{CLIENTS},CONTROLLER://:{CONTROLLER}",
        "advertised.listeners": f"PLAINTEXT://kafka-{n}:{CLIENTS}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": "/var/lib/kafka/data",
        "auto.create.topics.enable": "false",
        "log.message.timestamp.type": "LogAppendTime",
        "message.max.bytes": 1_200_000,
        "replica.fetch.max.bytes": 1_200_000,
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.retention.minutes": 60 * 24 * 30,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
    }
    told = {f"KAFKA_{name.upper().replace('.', '_')}": str(value) for name, value in settings.items()}
    asks = f"/opt/kafka/bin/kafka-broker-api-versions.sh --bootstrap-server localhost:{CLIENTS} >/dev/null"
    return {
        "image": KAFKA_IMAGE,
        "environment": {"CLUSTER_ID": CLUSTER, **told},
        "volumes": [f"kafka-{n}:/var/lib/kafka/data"],
        "healthcheck": _healthcheck(["CMD-SHELL", asks]),
        "restart": "unless-stopped",
    }


def _service(process: Process) -> Manifest:
    """A service with all its parts in one container."""
    own = {
        **_database(process),
        variable(process, "host"): "0.0.0.0",  # noqa: S104 - inside the container
        variable(process, "port"): str(PORT),
    }
    if process.name == "notifications":
        own |= {"NOTIFICATIONS_SMTP_HOST": "mail", "NOTIFICATIONS_SMTP_PORT": "1025"}
    return _ours([process.name]) | {
        "environment": _common() | own,
        "ports": [f"127.0.0.1:{process.port}:{PORT}"],
        "depends_on": {"prepare": {"condition": "service_completed_successfully"}},
        "healthcheck": _healthcheck(["CMD", "python", "-c", READY % PORT]),
        "stop_grace_period": "60s",
        "restart": "unless-stopped",
    }


def _job(command: list[str], after: dict[str, str]) -> Manifest:
    """Runs once, to its end, before the services."""
    databases = {name: value for process in PROCESSES for name, value in _database(process).items()}
    told = _common() | databases | {"POSTGRES_URL": f"postgresql://postgres:{PASSWORD}@postgres/postgres"}
    waits = {name: {"condition": condition} for name, condition in after.items()}
    return _ours(command) | {"environment": told, "depends_on": waits, "restart": "on-failure"}


def _ours(command: list[str]) -> Manifest:
    return {
        "image": "comanda",
        "build": {"context": "..", "dockerfile": "deploy/Dockerfile"},
        "command": command,
        "init": True,
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - the only place that can be written
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _common() -> dict[str, str]:
    return {
        "COMANDA_MODE": "development",
        "EVENTS_BUS": _bus(1),
        "AUTH_DEVELOPMENT_KEYS": f'{{"manager": "{KEY}"}}',
    }


def _database(process: Process) -> dict[str, str]:
    database = process.database
    assert database in DATABASES  # noqa: S101 - made by the job
    assert database is not EVENTS  # noqa: S101 - Kafka is the bus here
    return {
        variable(process, "database_url"): f"postgresql://{database.role}:{PASSWORD}@postgres/{database.name}",
    }


def _healthcheck(test: list[str]) -> Manifest:
    return {"test": test, "interval": "5s", "timeout": "5s", "retries": 24, "start_period": "30s"}
