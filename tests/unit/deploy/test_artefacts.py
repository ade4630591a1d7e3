"""What container platforms are told is valid, is what system.py says, and makes services that start in production."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.kafka import Kafka
from deploy.manifests import __main__ as manifests
from deploy.manifests import compose
from deploy.manifests.plan import OPTIONAL_SECRETS, WORKLOADS, prefixes, secrets
from deploy.system import PROCESSES, Process
from libs.service.settings import load

DEPLOY = manifests.DEPLOY
BASE = DEPLOY / "k8s" / "base"
EXAMPLE = DEPLOY / "k8s" / "overlays" / "example"
SECRET = "postgresql://role:secret@host/database"


def documents(file: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(file.read_text()) if each]


def all_of(kind: str) -> list[dict[str, Any]]:
    return [each for file in sorted(BASE.glob("*.yaml")) for each in documents(file) if each["kind"] == kind]


def test_every_manifest_is_what_the_system_says() -> None:
    assert not manifests.stale(), "make docs"
    assert {file.name for file in BASE.iterdir()} == {path.name for path in manifests.written() if path.parent == BASE}


def test_every_manifest_has_the_shape_that_kubernetes_asks_for() -> None:
    files = [*BASE.glob("*.yaml"), EXAMPLE / "ingress.yaml"]
    kinds = set()
    for each in (each for file in files for each in documents(file) if each["kind"] != "Kustomization"):
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
        kinds.add(each["kind"])
    assert kinds >= {"Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "Job", "Ingress"}


def test_the_validation_refuses_a_member_that_is_misspelt() -> None:
    wrong = documents(BASE / "orders.yaml")[0]
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_every_layer_can_be_built() -> None:
    for folder in (EXAMPLE, BASE, DEPLOY / "k8s" / "components" / "lag"):
        (layer,) = documents(folder / "kustomization.yaml")
        assert all((folder / each).exists() for each in layer.get("resources", []))
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not on this machine: the layers were only read, not built")
    for folder in (EXAMPLE, BASE):
        built = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        assert len(list(yaml.safe_load_all(built.stdout))) > 50


def test_each_process_is_deployed_probed_and_protected() -> None:
    found = {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in all_of("Deployment")}
    assert set(found) == {workload.name for workload in WORKLOADS}
    assert len(found) == sum(len(process.kinds) for process in PROCESSES)
    for workload in WORKLOADS:
        pod = found[workload.name]
        (container,) = pod["containers"]
        assert container["args"] == [workload.process.name, workload.kind]
        assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= set(container)
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert pod["securityContext"]["runAsNonRoot"]
    assert {each["metadata"]["name"] for each in all_of("PodDisruptionBudget")} == set(found)
    assert "deny-all" in {each["metadata"]["name"] for each in all_of("NetworkPolicy")}


def told(process: Process) -> dict[str, str]:
    """What a pod of the example finds in its environment, with secrets of ours."""
    (layer,) = documents(EXAMPLE / "kustomization.yaml")
    maps = {each["metadata"]["name"]: dict(each["data"]) for each in all_of("ConfigMap")}
    for more in layer["configMapGenerator"]:
        maps[more["name"]] |= dict(literal.split("=", 1) for literal in more["literals"])
    deployment = next(each for each in all_of("Deployment") if each["metadata"]["name"] == f"{process.name}-api")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    given: dict[str, str] = {}
    for source in container["envFrom"]:
        given |= maps[source["configMapRef"]["name"]]
    for each in container["env"]:
        assert each["valueFrom"]["secretKeyRef"]["key"] == each["name"]
        given[each["name"]] = SECRET
    return given


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_service_starts_in_production_with_what_its_pod_is_told(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told(process).items():
        monkeypatch.setenv(name, value)
    settings = load(importlib.import_module(f"{process.module}.settings").Settings)
    assert (settings.mode, settings.port) == ("production", 8000)
    assert settings.events_sasl_username == process.database.role


def test_secrets_stand_in_no_manifest() -> None:
    named = {name for process in PROCESSES for name in secrets(process)}
    assert named > OPTIONAL_SECRETS
    for each in all_of("ConfigMap"):
        assert not named & set(each["data"])
    assert not all_of("Secret")


def test_the_paths_of_the_services_do_not_overlap() -> None:
    paths = [path for process in PROCESSES for path in prefixes(process)]
    assert len(paths) == len(set(paths)) > len(PROCESSES)


def checked(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_compose_files_have_the_shape_that_compose_asks_for(tmp_path: Path) -> None:
    fine = checked(DEPLOY / "compose.yaml", DEPLOY / "compose.three-brokers.yaml")
    assert fine.returncode == 0, fine.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("healthcheck:", "healthchek:"))
    assert checked(wrong).returncode == 1


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_service_starts_with_what_compose_tells_it(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in compose.one_broker()["services"][process.name]["environment"].items():
        monkeypatch.setenv(name, value)
    assert load(importlib.import_module(f"{process.module}.settings").Settings).mode == "development"


@pytest.mark.parametrize("brokers", [1, 3])
def test_the_brokers_of_compose_are_set_as_those_that_the_tests_run_on(brokers: int, tmp_path: Path) -> None:
    files = compose.one_broker() if brokers == 1 else compose.three_brokers()
    given = files["services"]["kafka-1"]["environment"]
    local = Kafka(tmp_path, lib=tmp_path, brokers=brokers)._properties(0)
    properties = dict(line.split("=", 1) for line in local.splitlines())
    of_the_machine = {"node.id", "log.dirs", "controller.quorum.voters", "listeners", "advertised.listeners"}
    small = {
        name for name in properties if name.startswith(("log.cleaner", "log.index")) or name.endswith("partitions")
    }
    for name in set(properties) - of_the_machine - small:
        assert given[f"KAFKA_{name.upper().replace('.', '_')}"] == properties[name], name


def test_the_dockerfile_is_as_its_linter_wants_it() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
