"""Apache Kafka on this machine, for development and tests: the published jars, KRaft, one broker or three."""

import base64
import fcntl
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

from deploy.child import CannotStartError, Child, wait_until
from deploy.ports import free_port, require_free

POM = Path(__file__).parent / "kafka" / "pom.xml"
OLDEST_JAVA = 17
MECHANISM = "SCRAM-SHA-512"
SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # half the processor time until it is there
HOW_TO = "On Debian: apt-get install openjdk-17-jre-headless maven"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one broker listens: to clients, and to the other brokers' controllers."""

    clients: int
    controller: int


class Kafka:
    """A cluster of our own under `directory`. A context manager: running inside, stopped outside.

    Port 0 takes free ones; otherwise broker n listens on `port + 2n` and its controller on the next.
    `users` (name to password): clients log in by SCRAM, and may do what ACLs grant them; `admin` may do everything.
    """

    def __init__(
        self,
        directory: Path,
        *,
        lib: Path,
        brokers: int = 1,
        port: int = 0,
        log: Path | None = None,
        heap: str = "",
        users: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.lib = lib
        self.fixed = bool(port)
        self.users = dict(users or {})
        self.ports = [
            Ports(port + 2 * n, port + 2 * n + 1) if port else Ports(free_port(), free_port()) for n in range(brokers)
        ]
        self.heap = heap or ("256m" if brokers == 1 else "192m")
        logs = log.parent if log else directory
        self.brokers = [
            Child(f"kafka{n + 1}", self._command(n), logs / f"kafka{n + 1}.log", cwd=directory) for n in range(brokers)
        ]

    @property
    def bus(self) -> str:
        """The EVENTS_BUS that reaches it."""
        return "kafka://" + ",".join(f"127.0.0.1:{ports.clients}" for ports in self.ports)

    @property
    def alive(self) -> bool:
        """Are all brokers running?"""
        return all(broker.alive for broker in self.brokers)

    def start(self) -> Self:
        """Start every broker, formatting its storage the first time; returns when all take clients."""
        fetch(self.lib)
        self.directory.mkdir(parents=True, exist_ok=True)
        for n, broker in enumerate(self.brokers):
            broker.clear_leftover()
            if self.fixed:
                require_free(self.ports[n].clients, "Apache Kafka", "KAFKA_PORT")
                require_free(self.ports[n].controller, "Apache Kafka's controller", "KAFKA_PORT")
            self._format(n)
        for n in range(len(self.brokers)):
            self.start_broker(n, wait=False)
        for n in range(len(self.brokers)):
            self._await(n)
        return self

    def start_broker(self, n: int, *, wait: bool = True) -> None:
        """Start one broker (again)."""
        self.brokers[n].start()
        if wait:
            self._await(n)

    def kill_broker(self, n: int) -> None:
        """End one broker as a crash would."""
        self.brokers[n].kill()

    def stop(self) -> None:
        """Stop all brokers together, so that none waits for another one in vain."""
        for broker in self.brokers:
            broker.ask_to_stop()
        for broker in self.brokers:
            broker.stop(grace=20)

    def kill(self) -> None:
        """End all brokers as a crash would."""
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _properties(self, n: int) -> str:
        count, ports = len(self.ports), self.ports[n]
        replicas = min(3, count)
        settings = {
            "node.id": n + 1,
            "process.roles": "broker,controller",
            "controller.quorum.voters": ",".join(
                f"{m + 1}@127.0.0.1:{other.controller}" for m, other in enumerate(self.ports)
            ),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{ports.clients},CONTROLLER://127.0.0.1:{ports.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{ports.clients}",
            "log.dirs": self.directory / f"broker{n + 1}",
            "auto.create.topics.enable": "false",
            "log.message.timestamp.type": "LogAppendTime",
            "message.max.bytes": 1_200_000,
            "replica.fetch.max.bytes": 1_200_000,
            "default.replication.factor": replicas,
            "min.insync.replicas": 2 if replicas > 1 else 1,
            "offsets.topic.num.partitions": 8,  # 50 by default, slow to create
            "offsets.topic.replication.factor": replicas,
            "offsets.retention.minutes": 60 * 24 * 30,
            "transaction.state.log.num.partitions": 8,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": 2 if replicas > 1 else 1,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": 2 if replicas > 1 else 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 8_388_608,
            "log.index.size.max.bytes": 1_048_576,
        } | (self._guard(ports) if self.users else {})
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _guard(self, ports: Ports) -> dict[str, object]:
        """Logins by SCRAM, and an authorizer that refuses what no ACL grants; the controllers' listener is our own."""
        login = f'username="admin" password="{self.users["admin"]}"'
        return {
            "listeners": f"SASL_PLAINTEXT://127.0.0.1:{ports.clients},CONTROLLER://127.0.0.1:{ports.controller}",
            "advertised.listeners": f"SASL_PLAINTEXT://127.0.0.1:{ports.clients}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
            "security.inter.broker.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            "sasl.enabled.mechanisms": MECHANISM,
            f"listener.name.sasl_plaintext.{MECHANISM.lower()}.sasl.jaas.config": (
                f"org.apache.kafka.common.security.scram.ScramLoginModule required {login};"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS",
        }

    def _format(self, n: int) -> None:
        """Write the broker's settings, and make its storage when there is none."""
        settings = self._settings_file(n)
        settings.write_text(self._properties(n))
        if (self.directory / f"broker{n + 1}" / "meta.properties").exists():
            return
        command = ["java", *SHORT_LIVED, *self._classpath(), "kafka.tools.StorageTool", "format"]
        command += [f"--cluster-id={self._cluster_id()}"]  # in one word: one in 64 begins with a dash
        for name, password in self.users.items():
            command += ["--add-scram", f"{MECHANISM}=[name={name},password={password}]"]
        done = subprocess.run([*command, "-c", str(settings)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStartError(f"Kafka's storage cannot be made:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")

    def _cluster_id(self) -> str:
        file = self.directory / "cluster-id"
        if not file.exists():
            file.write_text(base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("="))
        return file.read_text()

    def _settings_file(self, n: int) -> Path:
        return self.directory / f"broker{n + 1}.properties"

    def _classpath(self) -> list[str]:
        return ["-cp", f"{self.lib}/*", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]

    def _command(self, n: int) -> list[str]:
        small = [f"-Xmx{self.heap}", f"-Xms{self.heap}"]
        return ["java", *small, *SHORT_LIVED, *self._classpath(), "kafka.Kafka", str(self._settings_file(n))]

    def _await(self, n: int) -> None:
        broker = self.brokers[n]
        if not wait_until(lambda: _answers(self.ports[n].clients) or not broker.alive, 180) or not broker.alive:
            broker.kill()
            raise CannotStartError(f"Kafka does not start; the end of {broker.log}:\n{broker.last_words()}")


def missing(lib: Path) -> str | None:
    """What this machine lacks to run Kafka, and how to get it; None when it can."""
    java = _java_version()
    if java < OLDEST_JAVA:
        seen = f"Java {java} is too old" if java else "Java is missing"
        return f"{seen}: Apache Kafka needs Java {OLDEST_JAVA} or newer. {HOW_TO}"
    if not _fetched(lib) and not shutil.which("mvn"):
        return f"Maven is missing: it brings Apache Kafka's jars. {HOW_TO}"
    return None


def fetch(lib: Path) -> None:
    """Bring the jars that pom.xml names into `lib`, once; several callers at once are fine."""
    if problem := missing(lib):
        raise CannotStartError(f"{problem}\nOr name an external cluster: EVENTS_BUS=kafka://host:9092,...")
    lib.parent.mkdir(parents=True, exist_ok=True)
    with (lib.parent / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _fetched(lib):
            return
        new = lib.with_name("lib.new")
        shutil.rmtree(new, ignore_errors=True)
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={new}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"TERM": "dumb"})
        if done.returncode:
            raise CannotStartError(f"Maven could not bring Kafka's jars:\n{done.stdout[-3000:]}")
        shutil.copy(POM, new / "pom.xml")
        shutil.rmtree(lib, ignore_errors=True)
        new.rename(lib)


def _fetched(lib: Path) -> bool:
    copy = lib / "pom.xml"
    return copy.exists() and copy.read_bytes() == POM.read_bytes()


def _java_version() -> int:
    if not shutil.which("java"):
        return 0
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False
