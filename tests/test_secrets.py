from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triton_claims import secrets
from triton_claims.secrets import MASK, redact, redact_record, secret_values


@pytest.mark.parametrize(
    "name",
    [
        *("HF_TOKEN", "TOKEN", "GITHUB_TOKEN", "my_token", "CLIENT_SECRET", "PGPASSWORD"),
        *("DB_PASS", "MYSQL_PWD", "API_KEY", "NGC_APIKEY", "AWS_SECRET_ACCESS_KEY", "SSH_KEY"),
        *("AUTH", "AUTH_HEADER", "DOCKER_AUTH", "GH_PAT", "PRIVATE_KEY", "VAULT_CREDENTIALS"),
    ],
)
def test_the_value_of_such_a_variable_is_a_secret(name):
    assert secret_values({name: "horse-battery"}) == ("horse-battery",)


@pytest.mark.parametrize(
    "name",
    [
        *("KEY", "MONKEY", "KEYBOARD", "HOME", "PATH", "PWD", "OLDPWD", "PATTERN", "COMPASS"),
        *("AUTHOR", "AUTHORS", "AUTHOR_NAME", "TOKENIZER", "TOKENIZERS_PARALLELISM"),
    ],
)
def test_the_value_of_any_other_variable_is_none(name):
    assert secret_values({name: "horse-battery"}) == ()


def test_short_values_and_paths_are_no_secrets(tmp_path):
    assert secret_values({"A_TOKEN": "", "B_TOKEN": "1", "C_TOKEN": "false"}) == ()
    assert secret_values({"TOKEN_FILE": str(tmp_path)}) == ()
    assert secret_values({"TOKEN": "nul\0byte"}) == ("nul\0byte",)


def test_a_secret_that_contains_another_goes_whole():
    values = secret_values(
        {"A_TOKEN": "battery", "B_TOKEN": "battery-staple", "C_TOKEN": "battery"}
    )
    assert values == ("battery-staple", "battery")
    assert redact("on battery-staple and battery", values) == f"on {MASK} and {MASK}"


@pytest.fixture
def environment(monkeypatch):
    """Sets variables; the process's own secrets are looked up anew before and after."""
    secrets._own_secrets.cache_clear()
    yield monkeypatch.setenv
    secrets._own_secrets.cache_clear()


def test_the_secrets_of_this_process_are_masked_by_default(environment):
    environment("STAGED_TOKEN", "horse-battery")
    assert redact("say horse-battery!") == f"say {MASK}!"
    assert redact("say horse-battery!", ()) == "say horse-battery!"


def test_every_text_of_a_record_is_masked_and_nothing_else_is_changed(environment):
    environment("STAGED_TOKEN", "horse-battery")
    record = {
        "horse-battery": ["a horse-battery", ("horse-battery", 3)],
        "n": 1.5,
        "none": None,
        "yes": True,
        "deep": {"er": {"still": "token=abcdef123"}},
    }
    assert redact_record(record) == {
        "horse-battery": [f"a {MASK}", [MASK, 3]],
        "n": 1.5,
        "none": None,
        "yes": True,
        "deep": {"er": {"still": f"token={MASK}"}},
    }


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # URLs
        ("https://me:pass@host/path", "https://[secret]@host/path"),
        ("see http://me@host:8000.", "see http://[secret]@host:8000."),
        ("pip+https://a:b@c@host/simple d", "pip+https://[secret]@host/simple d"),
        ("ssh://me:hunter22@host:22", "ssh://[secret]@host:22"),
        ("ssh://me@host and http://me@host", "ssh://me@host and http://[secret]@host"),
        ("grpc://u:p@a and http://u:p@b", "grpc://[secret]@a and http://[secret]@b"),
        # name=value and name: value
        ("token=abc123def", "token=[secret]"),
        ("HF_TOKEN=abc123def next", "HF_TOKEN=[secret] next"),
        ("?api_key=abc123def&page=2", "?api_key=[secret]&page=2"),
        ("X-Api-Key: abc123def", "X-Api-Key: [secret]"),
        ("password = hunter2, user = me", "password = [secret], user = me"),
        ("password=abc", "password=[secret]"),
        ("aws_secret_access_key=ab/c+123=", "aws_secret_access_key=[secret]"),
        ("client-secret-value: abc123def", "client-secret-value: [secret]"),
        ("assert token == 'abc123def'", "assert token == '[secret]'"),
        # headers and bearer tokens
        ("Authorization: Bearer abc123def456", "Authorization: [secret]"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: [secret]"),
        ("sent Bearer abc123.def-456_g= to it", "sent Bearer [secret] to it"),
        ("-H 'Authorization: Token abc123def'", "-H 'Authorization: [secret]'"),
        # JSON, Python, JSON inside JSON
        ('{"token": "abc123def", "n": 1}', '{"token": "[secret]", "n": 1}'),
        ('{"password":"correct horse battery"}', '{"password":"[secret]"}'),
        ('{"password": "a\\"b c", "n": 1}', '{"password": "[secret]", "n": 1}'),
        ("{'api_key': 'abc123def', 'n': 1}", "{'api_key': '[secret]', 'n': 1}"),
        (r'"{\"token\": \"abc def ghi\", \"n\": 1}"', r'"{\"token\": \"[secret]\", \"n\": 1}"'),
        ('{"token": "abc123def and cut o', '{"token": "[secret]'),
        # options
        ("--hf-token abc123def --n 2", "--hf-token [secret] --n 2"),
        ("--password=abc123def", "--password=[secret]"),
    ],
)
def test_what_is_masked(text, masked):
    assert redact(text, ()) == masked
    assert redact(masked, ()) == masked


@pytest.mark.parametrize(
    "text",
    [
        "key=abc123def, monkey=banana-split, keyboard: qwertyuiop",
        "max_tokens=16, input_tokens: 123456, tokens=1000000",
        "token=7, token: 151643, token='x', secret: no",
        "password: None, token=null, 'secret': False, password=",
        "tokenizer=/models/tokenizer.json, tokenization: whitespace",
        "the token is the secret of every password",
        "a secretary: busy; secrecy=complete",
        "Bearer of good news, Basic understanding of things",
        "mail me@example.org; http://host/path?mail=me@example.org#a@b",
        "correlation_id-STRING-direct: '000.0', 124 bytes",
        "sha256:77777777777777777777777777777777 at 127.0.0.1:8000",
        "--max-tokens 123456789 --token --n 2",
        "",
    ],
)
def test_what_is_left_as_it_is(text):
    assert redact(text, ()) == text


@settings(deadline=None)
@given(
    st.text(string.ascii_letters + string.digits + "+/_.~ \"'\\", min_size=6),
    st.sampled_from(["password", "hf_token", "API-Key", "clientSecret"]),
)
def test_no_value_gets_through_as_json(value, name):
    text = json.dumps({name: f"x{value}x", "after": 1})
    assert redact(text, ()) == json.dumps({name: MASK, "after": 1})


# Pieces that a pattern with a careless repetition would try again from every place.
_PIECES = [
    *("a", "a-", "a.", "a.b+", "token", "token_", "token=", "token =", "token\\", "secret_key"),
    *("token: '", "token='\\", 'password="\\\\', "api_", "api-", "authorization:  ", "token \n"),
    *("Bearer ", "Bearer a", "Bearer a0=", "basic\t", "-token ", "--password x", "-", "="),
    *("://", "a://", "://a", "http://a:b", "@", "://@", "\\", "'", '"', " ", "\n", "\0", "é"),
]


@pytest.mark.parametrize("piece", _PIECES, ids=ascii)
def test_a_megabyte_of_anything_is_read_in_one_go(piece):
    # No time is asserted: what grows faster than the text would not end within anybody's patience.
    text = piece * (1_000_000 // len(piece))
    assert len(redact(text, ())) <= len(text) * len(MASK)


def test_a_secret_at_the_end_of_a_megabyte_is_found():
    text = "a-token " * 125_000 + "token=abc123def"
    assert redact(text, ()).endswith(f" token={MASK}")
