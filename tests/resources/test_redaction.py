"""No part of a password or token is left in a text, whatever characters it has."""

import logging

import pytest

from resources.redaction import redact_address, redact_records, redact_text

PASSWORDS = ("sesame", "s@sesame", "s/sesame@x", "s?sesame", "s#sesame", "s:sesame", "@", "s%40e")


@pytest.mark.parametrize("password", PASSWORDS)
def test_all_before_the_last_at_sign_is_hidden(password: str):
    url = f"ftp://me:{password}@h/x"
    assert redact_address(url) == "ftp://***@h/x"
    said = redact_text(f"no {url}: first, '{url}' second")
    assert said == "no ftp://***@h/x: first, 'ftp://***@h/x' second"


def test_a_query_and_a_fragment_are_hidden():
    assert redact_address("https://h/x?token=sesame#sesame") == "https://h/x?***"
    assert redact_address("https://h/x#sesame") == "https://h/x#***"
    assert redact_text("GET https://h/x?token=sesame failed?") == "GET https://h/x?*** failed?"


def test_a_space_in_a_password_is_hidden_where_the_url_is_known():
    assert redact_address("ftp://me:open sesame@h/a b") == "ftp://***@h/a b"


@pytest.mark.parametrize("text", ["/srv/a@b/c?d", "mail me@example.com, or not?", "", "a // b"])
def test_what_is_no_url_is_left(text: str):
    assert redact_address(text) == redact_text(text) == text


def test_a_logged_traceback_is_redacted():
    formatter = redact_records(logging.Formatter("{message}", style="{"))
    try:
        raise ValueError("no http://me:sesame@h/x")
    except ValueError as error:
        given = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", 40, __file__, 1, "ftp://a:sesame@h", (), given)
    text = formatter.format(record)
    assert text.startswith("ftp://***@h\n")
    assert text.endswith("ValueError: no http://***@h/x")
