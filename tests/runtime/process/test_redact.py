"""Secrets stay out of logs, receipts and requirements."""

import json
import logging
from pathlib import Path

import pytest

from espnet3_runtime.launch.logs import logged_variables, rotate_log, stage_log
from espnet3_runtime.process.redact import (
    Redactor,
    hide_secrets,
    redact,
    redact_command,
    secret_values,
    spellings,
)
from espnet3_schemas.secret_names import is_secret, is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "HF_TOKEN",
            "token",
            "hf_token",
            "AWS_SECRET_ACCESS_KEY",
            "API_KEY",
            "apiKey",
            "DB_PASSWORD",
        ),
        *("WANDB_API_KEY", "GITHUB_TOKEN", "ssh_key", "MY_CREDENTIALS", "basic_auth", "OPENAI_KEY"),
        *("passwd", "pwd", "db_pass", "MYSQL_PWD", "PGPASSWORD", "pat", "GITHUB_PAT", "authToken"),
        *("connection_string", "AZURE_STORAGE_CONNECTION_STRING", "webhook_url", "SLACK_WEBHOOK"),
        *(
            "Authorization",
            "client_secret",
            "storage_key",
            "auth_token",
            "credential",
            "dbpassword",
        ),
    ],
)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tokenizer", "TOKENIZERS_PARALLELISM", "token_list", "token_type", "tokens", "input_key"),
        *("length_key", "PATH", "CUDA_VISIBLE_DEVICES", "keyboard", "author", "secretary"),
        *("key", "output_keys", "pad_token", "low_pass", "highpass", "bypass", "token_dropout"),
        *("patience", "path", "pattern", "file_pat", "PWD", "OLDPWD", "SSH_AUTH_SOCK", "max_token"),
        *("delete_patterns", "passes", "num_tokens", "train_tokenizer", "token_id", "tokens_per_s"),
    ],
)
def test_ordinary_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("db.password", "x"), ("db.password", 1234), ("logger.auth.user_text", "me")),
        *(("tokens.hf_token", "hf_1"), ("api_keys[1]", "k"), ("headers.Authorization", "Bearer x")),
        ("uri", "postgresql://me:pw@host/db"),
        ("uri", "https://host/x?access_token=abc"),
        ("database", "Server=h;Password=abc;"),
        ("database", "Server=${oc.env:HOST};Password=abc;"),
        ("hf_token", "${oc.env:HF_TOKEN,hf_abc}"),
        ("login", "${oc.env:HF_TOKEN,hf_abc}"),
    ],
)
def test_secrets_of_configs(path: str, value: object) -> None:
    assert is_secret(path, value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("token", "<unk>"), ("token", "[PAD]"), ("eos_token", 2), ("token", 3), ("password", "")),
        *(("token", None), ("auth", True), ("ui.inputs[0].key", "speech"), ("input_key", "wave")),
        ("dataset.key", "librispeech_960h_2025"),
        ("hf_token", "${oc.env:HF_TOKEN}"),
        ("hf_token", "${oc.env:HF_TOKEN,null}"),
        ("uri", "https://host/x?page=2"),
        ("remote", "ssh://git@host/x.git"),
        ("description", "token: the unit of text"),
        ("_target_", "espnet3_runtime.data.tokens.Tokens"),
        ("optimizer.lr", 0.1),
    ],
)
def test_ordinary_values_of_configs(path: str, value: object) -> None:
    assert not is_secret(path, value)


@pytest.mark.parametrize(
    "argument",
    [
        *("a.password=the-secret and more", "--set=a.api_key=the-secret", "--token=the-secret"),
        *("a.logger={_target_: x.Y, api_key: the-secret}", 'a={"password": "the-secret"}'),
        *("a.auth.value=the-secret", "a.url=https://me:the-secret@host/x"),
        *("a.db='Server=h;Password=the-secret'", "--set=a.private_key[0]=the-secret"),
        *("a.private_key[0].b=the-secret", "a.connectionString.b c=the-secret"),
    ],
)
def test_a_command_line_without_secrets(argument: str) -> None:
    shown = redact_command(["run.py", argument, "a.input_key=wave", "a.lr=1"], ())
    assert "the-secret" not in "".join(shown)
    assert shown[2:] == ["a.input_key=wave", "a.lr=1"]


def test_values_and_logins_are_blanked() -> None:
    secrets = secret_values({"A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefghijk", "C_TOKEN": "x"})
    assert secrets == ("abcdefghijk", "abcdefgh")
    assert redact("it is abcdefghijk and abcdefgh", secrets) == "it is *** and ***"
    assert redact("https://me:pw@host/x.git", ()) == "https://host/x.git"
    command = ["run.py", "--set", "publication.upload_model.token=hf_1", "--set", "a.lr=1"]
    assert redact_command(command, ()) == [
        *("run.py", "--set", "publication.upload_model.token=***", "--set", "a.lr=1")
    ]


def test_secrets_are_blanked_as_they_are_quoted_and_line_by_line() -> None:
    secret = "first of 'two' \"lines\"\\\nand the second é"
    secrets = secret_values({"A_TOKEN": secret})
    for text in (secret, repr(secret), json.dumps(secret), *secret.splitlines()):
        shown = redact(f"bad value {text}", secrets)
        assert "first" not in shown
        assert "second" not in shown
        assert shown.startswith("bad value ")


def test_the_environment_of_a_log_has_no_secrets() -> None:
    environ = {
        "SLURM_JOB_ID": "1",
        "SLURM_JWT_TOKEN": "s3cret-value",
        "PATH": "/bin:s3cret-value",
        "HOME_ADDRESS": "x",
    }
    assert logged_variables(environ) == {"PATH": "/bin:***", "SLURM_JOB_ID": "1"}


def test_logs_rotate_to_free_numbers(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    for text in "abc":
        rotate_log(path)
        path.write_text(text)
    texts = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert texts == {"train.log": "c", "train1.log": "a", "train2.log": "b"}


def test_tracebacks_in_logs_are_clean_too(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    with stage_log(tmp_path / "a.log", ("the-secret",), console=False) as log:
        log.info("plain %s", "the-secret")
        try:
            raise ValueError("with the-secret inside")  # noqa: TRY301
        except ValueError:
            log.exception("it failed")
    text = (tmp_path / "a.log").read_text()
    assert "plain ***" in text
    assert "with *** inside" in text
    assert "the-secret" not in text
    assert root.handlers == before


def test_secrets_of_plain_data_are_hidden_where_they_stand() -> None:
    data = {"a": [{"token": "x", "size": 3}, ("pass", {"my_secret": ["y", 2]})], "password": ""}
    assert hide_secrets(data) == {
        "a": [{"token": "***", "size": 3}, ["pass", {"my_secret": ["***", "***"]}]],
        "password": "",
    }
    assert hide_secrets("x", "a.token") == "***"
    assert hide_secrets("x") == "x"


def test_spellings_are_sorted_by_length_and_short_lines_stay() -> None:
    assert spellings(["abc", 'a"long one\nshort\nlonger']) == (
        'a\\"long one\\nshort\\nlonger',
        'a"long one\\nshort\\nlonger',
        'a"long one\nshort\nlonger',
        'a\\"long one',
        'a"long one',
        "longer",
        "abc",
    )
    assert secret_values({"A_TOKEN": "12345", "B_TOKEN": "123456", "SIZE": "1234567"}) == (
        "123456",
    )


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("--set=a.token=x=y\nz", "--set=a.token=***"),
        ("a.token=x", "a.token=***"),
        ("--token=x", "--token=***"),
        ("a.size=3", "a.size=3"),
        ("a={token: x, size: 3}", "a={token: ***, size: 3}"),
        ("a=https://u:p@h", "a=https://h"),
        ("token", "token"),
    ],
)
def test_arguments(argument: str, shown: str) -> None:
    assert redact_command([argument, "the-one"], iter(["the-one"])) == [shown, "***"]


def test_a_record_is_cleaned_and_passes() -> None:
    clean = Redactor(["the-secret"])

    def record(text: str, *arguments: object) -> logging.LogRecord:
        made = logging.LogRecord("a", logging.INFO, "f", 1, text, arguments, None)
        assert clean.filter(made)
        return made

    assert record("it is %s", "the-secret").getMessage() == "it is ***"
    kept = record("it is %s", "another")
    assert (kept.msg, kept.args) == ("it is %s", ("another",))
    assert record("%s %s", "the-secret").args == ("the-secret",)  # logging says what is wrong
    made = logging.LogRecord("a", logging.INFO, "f", 1, "x", (), None)
    made.exc_text = "ValueError: the-secret"
    assert clean.filter(made)
    assert made.exc_text == "ValueError: ***"
