"""Which words of a name make it a secret, and what is taken out of texts."""

import pytest

from espnet3_schemas.secret_names import (
    HIDDEN,
    SET_OR_MAPPED,
    hide_in_urls,
    hide_pairs,
    holds_secret_name,
    is_secret,
    is_secret_name,
)

ASSIGNED = r"(?P<head>(?P<name>\w+)=)\w+"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("", False),
        ("_", False),
        ("x", False),
        # the last word says what it is
        ("password_length", False),
        ("length_password", True),
        ("auth_timeout", False),
        ("timeout_auth", True),
        # PWD is the working directory, another pwd is a password
        ("PWD", False),
        ("Pwd", True),
        ("DB_PWD", True),
        # a key of somebody, or of the environment
        ("key", False),
        ("keys", False),
        ("KEY", True),
        ("KEYS", True),
        ("sort_key", False),
        ("sort_keys", False),
        ("SORT_KEY", True),
        ("api_key", True),
        ("aws_keys", True),
        ("key_api", False),
        ("auth_key", True),
        ("token_keys", True),
        # token, pass and pat have ordinary owners, the other words have not
        ("my_token", True),
        ("pad_token", False),
        ("token_file_x", False),
        ("pad_secret", True),
        ("pad_token_secret", True),
        ("first_pass", False),
        ("my_pass", True),
        ("name_pat", False),
        ("my_pat", True),
        # pairs of words in any order, both of them
        ("conn_str", True),
        ("str_conn", True),
        ("connection", False),
        ("string", False),
        ("conn_string", False),
        # one word that ends so
        ("DBPASSWORD", True),
        ("my_dbpassword", True),
        ("mysecret", True),
        ("secretmy", False),
        # words are told apart by case and digits
        ("hfToken", True),
        ("HFToken", True),
        ("token2", True),
        ("tokens", False),
    ],
)
def test_the_words_of_a_name(name, secret):
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("path", "secret"),
    [("a.b", False), ("a.password.b", True), ("password[0].x", True), ("a[0]", False), ("", False)],
)
def test_one_secret_name_in_a_path_is_enough(path, secret):
    assert holds_secret_name(path) is secret


@pytest.mark.parametrize(
    ("path", "value", "secret"),
    [
        ("a", "x", False),
        ("password", "x", True),
        ("password", HIDDEN, False),
        ("password", "", False),
        ("password", None, False),
        ("password", False, False),
        ("password", ["x"], False),
        ("password", 1.5, True),
        ("a", 1.5, False),
        ("a_token", 1.5, False),
        ("A_TOKEN", 1.5, False),
        ("my_token", "<x>", False),
        ("my_token", "[x]", False),
        ("my_token", "<x", True),
        ("my_token", "${a.b}", False),
        ("my_token", "${oc.env:A,b}", True),
        ("my_token", "${oc.env:A,${b}}", False),
        ("my_token", "${oc.env:A,}", False),
        ("my_token", "${oc.env:A, null }", False),
        ("a", "${oc.env:A,b}", False),
        ("a", "${oc.env:A,b} ${oc.env:A_TOKEN,b}", True),
        ("a", "${oc.env:A_TOKEN}", False),
        ("a", "password=x", True),
        ("a", "password: x", False),
        ("a", "size=x", False),
        ("a", "http://u:p@h", True),
        ("a", "http://git@h", False),
        ("a", "u:p@h", False),
        ("a", "${oc.env:U}://me:p@h", True),
    ],
)
def test_values(path, value, secret):
    assert is_secret(path, value) is secret


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a://u:p@h/x", "a://h/x"),
        ("a://git@h/x b://u@i", "a://git@h/x b://i"),
        ("u:p@h?token=x", "u:p@h?token=x"),
        ("a://h?token=x&b=2&my_secret='y'", "a://h?token=***&b=2&my_secret='y'"),
        ("a://h?b=2&token=x y", "a://h?b=2&token=*** y"),
    ],
)
def test_urls(text, shown):
    assert hide_in_urls(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a=b", "a=b"),
        ("token=b", "token=***"),
        (
            "token=b, size: c, my_secret: 'd e', pwd=f",
            "token=***, size: c, my_secret: ***, pwd=***",
        ),
        ('{"token": "b", c: d}', '{"token": ***, c: d}'),
        ("token=token=b", "token=***"),
        ("a.token=b\npass: c", "a.token=***\npass: ***"),
    ],
)
def test_pairs(text, shown):
    assert hide_pairs(text, SET_OR_MAPPED) == shown


def test_pairs_are_looked_for_behind_an_ordinary_one():
    assert hide_pairs("a=b token=c x=y pwd=z", ASSIGNED) == "a=b token=*** x=y pwd=***"
