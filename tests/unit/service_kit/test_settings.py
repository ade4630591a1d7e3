import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from libs.service.settings import ServiceSettings, SettingsError, load


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_", frozen=True)
    sweep_every: timedelta = timedelta(minutes=5)


GOOD = {
    "SAMPLE_DATABASE_URL": "postgresql://sample:secret@db/sample",
    "EVENTS_BUS": "postgresql://sample:secret@db/events",
    "AUTH_ISSUER": "https://id.example",
    "AUTH_JWKS_URL": "https://id.example/jwks",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SAMPLE_", "EVENTS_", "AUTH_", "COMANDA_")):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def refused() -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    return str(caught.value)


def test_production_is_the_default_and_starts_with_good_settings() -> None:
    settings = load(Settings)
    assert settings.mode == "production"
    assert settings.database_url == GOOD["SAMPLE_DATABASE_URL"]
    assert settings.sweep_every == timedelta(minutes=5)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMPLE_DATABASE_URL")
    monkeypatch.setenv("EVENTS_BUS", "")
    assert "SAMPLE_DATABASE_URL: Field required" in refused()
    assert "EVENTS_BUS: Field required" in refused()


def test_a_misspelt_variable_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SWEEP_EVRY", "PT1M")
    monkeypatch.setenv("SAMPLE_DATABSE_URL", "x")
    assert refused() == "SAMPLE_DATABSE_URL: unknown setting\nSAMPLE_SWEEP_EVRY: unknown setting"


def test_a_wrong_value_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_PORT", "secret-port")
    assert "SAMPLE_PORT" in refused()
    assert "secret-port" not in refused()


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("AUTH_DEVELOPMENT_KEYS", '{"manager": "x"}', "AUTH_DEVELOPMENT_KEYS"),
        ("AUTH_JWKS_URL", "http://id.example/jwks", "AUTH_JWKS_URL"),
        ("SAMPLE_TRUSTED_PROXIES", "*", "TRUSTED_PROXIES"),
        ("SAMPLE_DATABASE_URL", "postgresql://sample@db/sample", "DATABASE_URL"),
        ("SAMPLE_DATABASE_URL", "postgresql://sample:@db/sample", "DATABASE_URL"),
        ("EVENTS_BUS", "postgresql://db/events", "EVENTS_BUS"),
        ("EVENTS_BUS", "kafka://broker:9092", "EVENTS_SASL_USERNAME"),
    ],
)
def test_production_refuses_what_only_development_may(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    assert named in refused()
    monkeypatch.setenv("COMANDA_MODE", "development")
    assert load(Settings).mode == "development"


def test_an_issuer_without_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_JWKS_URL")
    assert "AUTH_JWKS_URL" in refused()


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://sample:filed@db/sample\n")
    monkeypatch.delenv("SAMPLE_DATABASE_URL")
    monkeypatch.setenv("SAMPLE_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load(Settings).database_url == "postgresql://sample:filed@db/sample"
    monkeypatch.setenv("SAMPLE_DATABASE_URL_FILE", str(tmp_path / "none"))
    assert "none" in refused()


def test_a_shared_setting_may_be_a_services_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_EVENTS_BUS", "postgresql://sample:own@db/events")
    assert load(Settings).events_bus == "postgresql://sample:own@db/events"


def test_json_that_is_none_is_an_error_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_DEVELOPMENT_KEYS", "{")
    assert refused()
