import io
import json
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from sentiment_core.environment import load_environment
from sentiment_core.errors import UnreachableError
from sentiment_core.redaction import MASK, SHORTEST_SECRET, Redactor, redact, redact_output

# The mask itself, and what is drawn around a secret, are no letters and digits.
SECRETS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=SHORTEST_SECRET
).filter(lambda text: text.strip(" ") == text)


class Example(BaseSettings):
    user: str = "someone"
    password: SecretStr | None = None
    token: SecretStr = SecretStr("built-in")


@given(st.lists(SECRETS, min_size=1, max_size=4), st.text())
def test_no_secret_is_left_in_any_form(secrets, around):
    redactor = Redactor()
    redactor.learn(secrets)
    for secret in secrets:
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
            assert secret not in redactor(f"{around}={form};{around}")
            assert form not in redactor(f"[{form}]")
        assert secret not in json.loads(redactor(json.dumps({"text": [secret]})))["text"]


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("postgresql://{}host:5432/db", True),
        ("https://{}host/x and s3://bucket/a@b", True),
        ("postgresql+psycopg2://{}h", True),
        ("write to {}host.example", False),
    ],
)
@pytest.mark.parametrize("user", ["me:p%40ss", "token"])
def test_the_user_of_an_address_is_masked_although_nobody_said_that_it_is_secret(
    text, is_address, user
):
    masked = text.format(f"{MASK if is_address else user}@")
    assert Redactor()(text.format(f"{user}@")) == masked


def test_what_is_read_as_a_secret_is_masked_in_errors_from_then_on(tmp_path):
    given = tmp_path / "password"
    given.write_text("from-a-file\n")
    load_environment(Example, env_file=tmp_path / ".env", environ={"PASSWORD_FILE": str(given)})
    assert str(UnreachableError("no from-a-file here")) == f"no {MASK} here"


@pytest.mark.parametrize(
    ("variable", "value"), [("PASSWORD", "someone"), ("PASSWORD", "abc"), ("TOKEN", "built-in")]
)
def test_names_and_defaults_and_crumbs_are_no_secrets(tmp_path, variable, value):
    load_environment(Example, env_file=tmp_path / ".env", environ={variable: value})
    assert redact(value) == value


def test_all_that_is_printed_is_redacted_but_where_it_is_lifted(monkeypatch):
    redact.learn(["opensesame"])
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO())
    redact_output()
    redact_output()
    print("a opensesame")
    print("b opensesame", file=sys.stderr)
    sys.stdout.writelines(["c opensesame\n"])
    with redact.lifted():
        print("d opensesame")
    assert sys.stdout.getvalue() == f"a {MASK}\nc {MASK}\nd opensesame\n"
    assert sys.stderr.getvalue() == f"b {MASK}\n"
