import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from sentiment_core.environment import load_environment
from sentiment_core.errors import SettingsError
from sentiment_core.store_settings import StoreSettings


class Example(BaseSettings):
    admin_token: SecretStr | None = None


@pytest.fixture
def load(tmp_path):
    def load(env_file="", **environ):
        path = tmp_path / ".env"
        path.write_text(env_file, encoding="utf-8")
        load_environment(Example, StoreSettings, env_file=path, environ=environ)
        return environ

    return load


def test_a_value_means_the_same_wherever_it_stands(load, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hush\n", encoding="utf-8")
    in_file = load(ADMIN_TOKEN_FILE=str(secret))
    in_env_file = load("ADMIN_TOKEN=hush")
    named_in_env_file = load(f"ADMIN_TOKEN_FILE={secret}")
    assert in_file["ADMIN_TOKEN"] == "hush"
    assert in_env_file["ADMIN_TOKEN"] == "hush"
    assert named_in_env_file["ADMIN_TOKEN"] == "hush"


def test_a_variable_wins_over_env_and_env_over_a_file(load, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("file", encoding="utf-8")
    both = f"ADMIN_TOKEN=env\nADMIN_TOKEN_FILE={secret}"
    assert load(both, ADMIN_TOKEN="variable")["ADMIN_TOKEN"] == "variable"
    assert load(both)["ADMIN_TOKEN"] == "env"
    assert load(both, ADMIN_TOKEN="")["ADMIN_TOKEN"] == "env"


def test_every_name_of_a_setting_may_stand_in_a_file(load, tmp_path):
    (tmp_path / "value").write_text("v", encoding="utf-8")
    names = ("MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY")
    environ = load(**{f"{name}_FILE": str(tmp_path / "value") for name in names})
    assert {environ[name] for name in names} == {"v"}


def test_other_variables_with_the_suffix_are_left_alone(load):
    environ = load(SSL_CERT_FILE="/nowhere", AWS_SHARED_CREDENTIALS_FILE="/nowhere")
    assert set(environ) == {"SSL_CERT_FILE", "AWS_SHARED_CREDENTIALS_FILE"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"a\x00b", "zero byte"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_variable(load, tmp_path, content, message):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"ADMIN_TOKEN_FILE=.*{message}"):
        load(ADMIN_TOKEN_FILE=str(path))


@pytest.mark.parametrize("content", [b"A=\xff", b"ADMIN_TOKEN='a\x00b'"])
def test_an_env_file_that_is_no_text_is_a_plain_error(tmp_path, content):
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=r"\.env"):
        load_environment(Example, env_file=tmp_path / ".env", environ={})


def test_a_prefix_belongs_to_the_names(tmp_path):
    class Prefixed(BaseSettings, env_prefix="STACK_"):
        secret_key: SecretStr | None = None

    (tmp_path / "secret").write_text("hush", encoding="utf-8")
    environ = {"STACK_SECRET_KEY_FILE": str(tmp_path / "secret")}
    load_environment(Prefixed, env_file=tmp_path / "none", environ=environ)
    assert environ["STACK_SECRET_KEY"] == "hush"  # pragma: allowlist secret
