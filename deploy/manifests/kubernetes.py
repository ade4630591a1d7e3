"""deploy/k8s/base: every workload of system.py for Kubernetes, for production."""

from collections.abc import Iterator
from typing import Any

from deploy.manifests import network
from deploy.manifests.plan import OPTIONAL_SECRETS, PORT, SECRET_FOLDER, USER, WORKLOADS, Workload, prefixes, secrets
from deploy.system import PARTITIONS, PROCESSES, Process

Manifest = dict[str, Any]

KAFKA_SECRET = "kafka-password"  # noqa: S105 - the name of a key
GRACE = 60  # seconds: `STOP_WITHIN` for the API, then worker and relay finish what they hold
LEAVE = 5  # seconds in which balancers forget a pod before it stops taking requests
REPLICAS = {"api": 2, "worker": 2, "relay": 2}  # of two relays one works, the other stands by
MOST = {"api": 8, "worker": PARTITIONS}  # more workers than partitions would idle
RESOURCES = {
    "requests": {"cpu": "100m", "memory": "160Mi"},
    "limits": {"memory": "512Mi"},
}
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def files() -> dict[str, list[Manifest]]:
    """The manifests by file name, kustomization.yaml last."""
    found: dict[str, list[Manifest]] = {"config.yaml": list(_config()), "migration.yaml": [_migration()]}
    for process in PROCESSES:
        found[f"{process.name}.yaml"] = list(_service(process))
    found["network.yaml"] = list(network.policies())
    resources = list(found)
    found["kustomization.yaml"] = [
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "labels": [{"pairs": {"app.kubernetes.io/part-of": "comanda"}}],
            "resources": resources,
        }
    ]
    return found


def ingress() -> list[Manifest]:
    """One address for all APIs; the host is an example."""
    paths = [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": process.name, "port": {"name": "http"}}}}
        for process in PROCESSES
        for path in prefixes(process)
    ]
    host = "shop.example"
    spec = {"tls": [{"hosts": [host], "secretName": "shop-tls"}], "rules": [{"host": host, "http": {"paths": paths}}]}
    return [_named("networking.k8s.io/v1", "Ingress", "comanda") | {"spec": spec}]


def labels(workload: Workload) -> dict[str, str]:
    """How a workload's pods are found."""
    return {"app.kubernetes.io/name": workload.process.name, "app.kubernetes.io/component": workload.kind}


def _config() -> Iterator[Manifest]:
    common = {"COMANDA_MODE": "production", "EVENTS_BUS": "kafka://kafka:9093", "EVENTS_TLS": "true"}
    yield _named("v1", "ConfigMap", "comanda") | {"data": common}
    for process in PROCESSES:
        own = {
            f"{process.prefix}HOST": "0.0.0.0",  # noqa: S104 - the pod's own address is known to nobody before
            f"{process.prefix}PORT": str(PORT),
            f"{process.prefix}EVENTS_SASL_USERNAME": process.database.role,
            f"{process.prefix}EVENTS_PASSWORD_FILE": f"{SECRET_FOLDER}/{KAFKA_SECRET}",
        }
        yield _named("v1", "ConfigMap", f"comanda-{process.name}") | {"data": own}


def _service(process: Process) -> Iterator[Manifest]:
    for workload in (each for each in WORKLOADS if each.process is process):
        yield _deployment(workload)
        yield _disruption_budget(workload)
        if workload.kind in MOST:
            yield _autoscaler(workload)
        if workload.kind == "api":
            yield _address(workload)


def _deployment(workload: Workload) -> Manifest:
    pod = _pod(workload.process, workload.arguments, workload.name)
    container = pod["containers"][0]
    container |= {
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": _probe("/health/live", failureThreshold=30, periodSeconds=2),
        "livenessProbe": _probe("/health/live", failureThreshold=6, periodSeconds=10),
        "readinessProbe": _probe("/health/ready", failureThreshold=2, periodSeconds=5),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(LEAVE)]}}},
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels(workload)},
    }
    marks = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT), "prometheus.io/path": "/metrics"}
    spec: Manifest = {
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": labels(workload)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": labels(workload), "annotations": marks},
            "spec": pod | {"terminationGracePeriodSeconds": GRACE + LEAVE, "topologySpreadConstraints": [spread]},
        },
    }
    if workload.kind not in MOST:
        spec = {"replicas": REPLICAS[workload.kind]} | spec
    return _named("apps/v1", "Deployment", workload.name, labels(workload)) | {"spec": spec}


def _pod(process: Process, arguments: list[str], name: str) -> Manifest:
    """A pod that runs the image as this service, with all that it may know."""
    container = {
        "name": name,
        "image": "comanda",
        "args": arguments,
        "envFrom": [{"configMapRef": {"name": each}} for each in ("comanda", f"comanda-{process.name}")],
        "env": [_secret_variable(process, name) for name in secrets(process)],
        "resources": RESOURCES,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the only place that can be written
            {"name": "kafka", "mountPath": SECRET_FOLDER, "readOnly": True},
        ],
    }
    only_kafka = [{"key": KAFKA_SECRET, "path": KAFKA_SECRET}]
    return {
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY | {"fsGroup": USER},
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            {"name": "kafka", "secret": {"secretName": f"comanda-{process.name}", "items": only_kafka}},
        ],
    }


def _secret_variable(process: Process, name: str) -> Manifest:
    key: Manifest = {"name": f"comanda-{process.name}", "key": name}
    if name in OPTIONAL_SECRETS:
        key["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": key}}


def _migration() -> Manifest:
    """Every database at its newest schema and every topic there, before the new pods; run it anew for each release."""
    pod = _pod(PROCESSES[0], ["prepare"], "migration")
    container = pod["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "comanda"}}]
    container["env"] = [_secret_variable(process, secrets(process)[0]) for process in PROCESSES] + [
        {"name": "EVENTS_SASL_USERNAME", "value": "admin"},
        {"name": "EVENTS_PASSWORD_FILE", "value": f"{SECRET_FOLDER}/{KAFKA_SECRET}"},
    ]
    pod["volumes"][1]["secret"]["secretName"] = "comanda-admin"
    mark = {"app.kubernetes.io/name": "migration", "app.kubernetes.io/component": "job"}
    return _named("batch/v1", "Job", "migration", mark) | {
        "spec": {
            "backoffLimit": 6,
            "ttlSecondsAfterFinished": 86_400,
            "template": {"metadata": {"labels": mark}, "spec": pod | {"restartPolicy": "OnFailure"}},
        }
    }


def _address(workload: Workload) -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return _named("v1", "Service", workload.process.name, labels(workload)) | {
        "spec": {"selector": labels(workload), "ports": ports}
    }


def _disruption_budget(workload: Workload) -> Manifest:
    return _named("policy/v1", "PodDisruptionBudget", workload.name, labels(workload)) | {
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(workload)}}
    }


def _autoscaler(workload: Workload) -> Manifest:
    busy = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    calm_down = {"scaleDown": {"stabilizationWindowSeconds": 300}}
    return _named("autoscaling/v2", "HorizontalPodAutoscaler", workload.name, labels(workload)) | {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
            "minReplicas": REPLICAS[workload.kind],
            "maxReplicas": MOST[workload.kind],
            "metrics": [busy],
            "behavior": calm_down,
        }
    }


def _probe(path: str, **times: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 4, **times}


def _named(version: str, kind: str, name: str, marks: dict[str, str] | None = None) -> Manifest:
    metadata: Manifest = {"name": name} | ({"labels": marks} if marks else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
