"""The pure parts of the buses: shares, headers, limits, and which bus a URL names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events.bus import Outgoing, TopicPartition
from libs.events.bus_settings import MAX_RECORD_BYTES, BusSettings, from_environment, refusal
from libs.events.kafka import KafkaBus
from libs.events.kafka.connection import connection
from libs.events.open_bus import open_bus
from libs.events.partitions import share
from libs.events.postgres import PostgresBus
from libs.events.postgres.schema import packed, unpacked

HEADERS = st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=10).map(tuple)


@given(HEADERS)
def test_headers_survive_packing(headers: tuple[tuple[str, bytes], ...]) -> None:
    assert unpacked(packed(headers)) == headers


@given(st.sets(st.integers(), min_size=1, max_size=7), st.integers(1, 20))
def test_shares_are_whole_disjoint_even_and_the_same_for_all_topics(members: set[int], partitions: int) -> None:
    order = sorted(members)
    topics_of = {member: {"one", "two"} for member in order}
    shares = [share(member, topics_of, order, {"one": partitions, "two": partitions}) for member in order]
    every = [place for own in shares for place in own]
    assert len(every) == len(set(every))
    assert set(every) == {TopicPartition(topic, n) for topic in ("one", "two") for n in range(partitions)}
    sizes = {len(own) for own in shares}
    assert max(sizes) - min(sizes) <= 2, "one partition of each topic"
    for own in shares:
        assert {p.partition for p in own if p.topic == "one"} == {p.partition for p in own if p.topic == "two"}


def test_a_topic_goes_to_those_who_read_it() -> None:
    topics_of = {"a": {"one"}, "b": {"one", "two"}, "c": {"two"}}
    counts = {"one": 3, "two": 2}
    assert share("a", topics_of, ["a", "b", "c"], counts) == [TopicPartition("one", 0), TopicPartition("one", 1)]
    assert share("b", topics_of, ["a", "b", "c"], counts) == [TopicPartition("one", 2), TopicPartition("two", 0)]
    assert share("c", topics_of, ["a", "b", "c"], counts) == [TopicPartition("two", 1)]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (Outgoing("a b", "k", b""), "no name of a topic"),
        (Outgoing("t", "k", b"x" * MAX_RECORD_BYTES), "too large"),
        (Outgoing("t", "k", b"", (("h", b"x" * MAX_RECORD_BYTES),)), "too large"),
        (Outgoing("t", "\ud800", b""), "not Unicode"),
    ],
)
def test_what_no_log_would_take_is_refused_with_its_reason(record: Outgoing, why: str) -> None:
    refused = refusal(record)
    assert refused
    assert why in refused.reason


def test_the_largest_record_passes() -> None:
    assert refusal(Outgoing("t", "k", b"x" * (MAX_RECORD_BYTES - 4), (("h", b"12"),))) is None


def test_a_url_names_its_bus() -> None:
    assert isinstance(open_bus("postgresql://events@127.0.0.1/comanda_events"), PostgresBus)
    bus = open_bus("kafka://one:9092, two:9092", session_timeout=9.0)
    assert isinstance(bus, KafkaBus)
    assert bus._servers == ["one:9092", "two:9092"]
    assert bus._settings.session_timeout == 9.0


@pytest.mark.parametrize("url", ["", "kafka://", "redis://x", "localhost:9092"])
def test_anything_else_is_an_error_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="EVENTS_BUS must be"):
        open_bus(url)


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(TypeError):
        open_bus("kafka://one:9092", sesion_timeout=1)


def test_tls_and_sasl_with_the_password_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    told = connection(["one:9093"], BusSettings(tls=True, sasl_username="orders", password_file=secret))
    assert told["security_protocol"] == "SASL_SSL"
    assert (told["sasl_mechanism"], told["sasl_plain_username"]) == ("SCRAM-SHA-512", "orders")
    assert told["sasl_plain_password"] == "s3cret"
    assert told["ssl_context"].check_hostname
    assert connection(["one:9092"], BusSettings())["security_protocol"] == "PLAINTEXT"


def test_a_command_reaches_the_bus_with_the_login_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("secret\n")
    for name, value in {
        "EVENTS_TLS": "true",
        "EVENTS_TLS_CA_FILE": str(tmp_path / "ca.pem"),
        "EVENTS_SASL_USERNAME": "admin",
        "EVENTS_PASSWORD_FILE": str(tmp_path / "password"),
    }.items():
        monkeypatch.setenv(name, value)
    settings = BusSettings(**from_environment())
    assert (settings.tls, settings.tls_ca_file, settings.sasl_username) == (True, tmp_path / "ca.pem", "admin")
    assert settings.password == "secret"
