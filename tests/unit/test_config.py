import base64
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from pydantic import SecretStr, ValidationError

from voxanne.cli.root import load_settings
from voxanne.config import Environment, Settings, variable_name
from voxanne.deployment import load_fernet

DEFAULTS = {
    "env": Environment.DEVELOPMENT,
    "data_dir": Path(".voxanne"),
    "database_url": None,
    "api_database_url": None,
    "host": "127.0.0.1",
    "port": 3001,
    "body_bytes_max": 2 * 1024 * 1024,
    "clock": None,
    "vapi_secret": None,
    "vapi_hmac_key": None,
    "hmac_tolerance_seconds": 300,
    "jwt_secret": None,
    "jwks_url": None,
    "encryption_keys": (),
    "log_level": "info",
}
KEY = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of our variables, and no `.env` in the working directory."""
    for field in Settings.model_fields:
        monkeypatch.delenv(variable_name(field), raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_the_defaults_hold() -> None:
    settings = Settings()
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS


def test_every_setting_has_a_meaning_and_a_variable() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        variable = variable_name(name)
        assert variable == "DATABASE_URL" or variable == f"VOXANNE_{name.upper()}"


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("VOXANNE_ENV", "production", "env", Environment.PRODUCTION),
        ("VOXANNE_PORT", "8080", "port", 8080),
        ("VOXANNE_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("VOXANNE_DATA_DIR", "/srv/voxanne", "data_dir", Path("/srv/voxanne")),
        ("VOXANNE_DATABASE_WAIT_MS", "500", "database_wait_ms", 500),
        ("DATABASE_URL", "postgresql://x", "database_url", SecretStr("postgresql://x")),
        ("VOXANNE_JWKS_URL", "", "jwks_url", None),
        ("DATABASE_URL", "", "database_url", None),
    ],
)
def test_a_variable_sets_its_field(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, field: str, value: object
) -> None:
    monkeypatch.setenv("VOXANNE_ENCRYPTION_KEYS", KEY)
    monkeypatch.setenv(variable, text)
    assert getattr(Settings(), field) == value


def test_the_database_has_only_the_name_that_everyone_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VOXANNE_DATABASE_URL", "postgresql://x")
    assert Settings().database_url is None


def test_a_dotenv_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("VOXANNE_PORT=4000\nVOXANNE_HOST=::1\nOTHER_PROGRAM=1\n")
    monkeypatch.setenv("VOXANNE_PORT", "5000")
    settings = Settings()
    assert (settings.host, settings.port) == ("::1", 5000)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_secrets_are_not_shown() -> None:
    values: dict[str, Any] = {
        "DATABASE_URL": "postgresql://owner:planted@db/x",
        "vapi_secret": "planted",
        "vapi_hmac_key": "planted",
        "jwt_secret": "planted",
        "api_database_url": "planted",
        "encryption_keys": f"planted{'A' * 36}=,planted{'B' * 36}=",
    }
    settings = Settings(**values)
    assert "planted" not in repr(settings)
    assert "planted" not in str(settings.model_dump())


WRONG = [
    ("VOXANNE_ENV", "prod"),
    ("VOXANNE_PORT", "eighty"),
    ("VOXANNE_PORT", "70000"),
    ("VOXANNE_DATABASE_POOL_SIZE", "0"),
    ("VOXANNE_DATABASE_WAIT_MS", "-1"),
    ("VOXANNE_BODY_BYTES_MAX", "12"),
    ("VOXANNE_HMAC_TOLERANCE_SECONDS", "0"),
    ("VOXANNE_CLOCK", "tomorrow"),
    ("VOXANNE_CLOCK", "2027-01-31T09:00:00"),
    ("VOXANNE_LOG_LEVEL", "loud"),
]


@pytest.mark.parametrize(("variable", "text"), WRONG)
def test_a_wrong_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    said = failure()
    assert variable in said
    assert "Traceback" not in said


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXANNE_PORT", "eighty")
    monkeypatch.setenv("VOXANNE_LOG_LEVEL", "loud")
    said = failure()
    assert "VOXANNE_PORT" in said
    assert "VOXANNE_LOG_LEVEL" in said


def failure() -> str:
    """What a command prints when the settings are wrong; it ends with exit code 2."""
    done = CliRunner().invoke(click.Command("try", callback=lambda: load_settings() and None))
    assert done.exit_code == 2
    return done.output


def test_a_clock_needs_an_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXANNE_CLOCK", "2027-01-31T09:00:00")
    assert "offset" in failure()
    monkeypatch.setenv("VOXANNE_CLOCK", "2027-01-31T09:00:00Z")
    assert Settings().clock is not None


def test_production_refuses_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXANNE_ENV", "production")
    monkeypatch.setenv("VOXANNE_ENCRYPTION_KEYS", KEY)
    assert Settings().env is Environment.PRODUCTION
    monkeypatch.setenv("VOXANNE_CLOCK", "2027-01-31T09:00:00Z")
    assert "VOXANNE_CLOCK" in failure()


def test_production_wants_encryption_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXANNE_ENV", "production")
    said = failure()
    assert "VOXANNE_ENCRYPTION_KEYS" in said


@pytest.mark.parametrize("text", [KEY, f" {KEY} ", f"{KEY},", f"{KEY} , {KEY}"])
def test_encryption_keys_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("VOXANNE_ENCRYPTION_KEYS", text)
    keys = [key.get_secret_value() for key in Settings().encryption_keys]
    assert set(keys) == {KEY}


def test_the_newest_key_encrypts_and_older_ones_still_decrypt() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    values: dict[str, Any] = {"encryption_keys": f"{new},{old}"}
    both = load_fernet(Settings(**values))
    assert both.decrypt(Fernet(old).encrypt(b"secret")) == b"secret"
    assert Fernet(new).decrypt(both.encrypt(b"secret")) == b"secret"


def test_a_bad_encryption_key_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXANNE_ENCRYPTION_KEYS", "not-a-fernet-key")
    assert "VOXANNE_ENCRYPTION_KEYS" in failure()


def test_a_generated_key_stays_the_same_and_is_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    sealed = load_fernet(settings).encrypt(b"secret")
    assert load_fernet(settings).decrypt(sealed) == b"secret"
    path = tmp_path / "data" / "encryption.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["encryption.key"]


def test_the_apis_login_alone_is_not_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands would work on the embedded server and the API on another."""
    monkeypatch.setenv("VOXANNE_API_DATABASE_URL", "postgresql://api@db/voxanne")
    assert "DATABASE_URL" in failure()
