"""URLs of the database: accepted and refused ones, and no password in any message."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.result_store.connection import (
    check_reachable,
    create_engine_for,
    parse_url,
    redact_url,
    resolve_url,
)
from resources.result_store.errors import DatabaseUnreachableError, InvalidDatabaseUrlError

NOWHERE = Path("/nowhere")
CLOSED = "127.0.0.1:1"  # nothing listens on port 1


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_psycopg_3(scheme: str) -> None:
    url = parse_url(f"{scheme}://ada:pw@db:5433/results")
    assert (
        url.render_as_string(hide_password=False) == "postgresql+psycopg://ada:pw@db:5433/results"
    )


def test_an_argument_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/environment")
    assert resolve_url("postgresql://db/argument", NOWHERE).database == "argument"


@pytest.mark.parametrize("argument", [None, "", "  "])
def test_without_an_argument_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, argument: str | None
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/environment")
    assert resolve_url(argument, NOWHERE).database == "environment"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_means_the_embedded_server(
    monkeypatch: pytest.MonkeyPatch, home: Path, value: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", value)
    # With a file in place of its folder the start fails, which shows that it was tried.
    (home / "postgres").touch()
    with pytest.raises(Exception, match="embedded PostgreSQL in"):
        resolve_url(None, home)


@pytest.mark.parametrize("dialect", ["mysql", "sqlite", "duckdb", "mysql+pymysql"])
def test_another_dialect_is_refused_without_the_password(dialect: str) -> None:
    with pytest.raises(InvalidDatabaseUrlError) as refusal:
        parse_url(f"{dialect}://ada:s3cret@db/results")
    text = str(refusal.value)
    assert f"'{dialect.partition('+')[0]}'" in text
    assert "postgresql://user:password@host:5432/database" in text
    assert "s3cret" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "text", ["ada:s3cret@db/results", "s3cret", "postgresql://ada:s3cret@db:x/y"]
)
def test_an_invalid_url_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(InvalidDatabaseUrlError, match="is not a valid URL") as refusal:
        parse_url(text)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("password", ["s3cret", "s3/cret", "s3?cret", "s3#cret", "s3:c%40ret"])
def test_a_password_is_hidden_anywhere_in_the_url(password: str) -> None:
    url = parse_url(f"postgres://ada:{password}@db/r?sslpassword=s3cret&options=-cx.token%3Ds3cret")
    assert redact_url(url) == "postgresql://***@db/r?***"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:pa@s3cret@db/results",
        "postgresql://ada:pa@s3cret/x@db/results",
        "postgresql://ada:pa?s3@cret@db/results?sslmode=require",
        "postgresql://ada:s3cret@x@/results?host=/tmp",
    ],
)
def test_an_unescaped_at_sign_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidDatabaseUrlError) as refusal:
        parse_url(text)
    assert str(refusal.value) == (
        "DATABASE_URL has an @ in its user name or password, where it ends them: write it as %40, "
        "as in postgresql://user:pass%40word@host:5432/database."
    )


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:s3cret@{CLOSED}/results",
        f"postgresql://ada@{CLOSED}/results?password=s3cret",
        "postgresql://ada:s3cret@/results?host=/no/such/socket",
        # The reason of the server repeats its path, which here has the password.
        "postgresql://ada:s3cret@/results?host=/no/s3cret",
        "postgresql://ada:s%2F3+cret@/results?host=/no/s/3+cret",
        f"postgresql://ada:s3cret@{CLOSED}/results?no_such_option=s3cret-token",
        f"postgresql://ada:s3cret@{CLOSED}/results?options=-cno_such.s3cret%3D1",
        f"postgresql://ada:s3cret@{CLOSED}/results?no_such_option=1",
        f"postgresql://ada:s3cret@{'no-host' * 10}/results",
    ],
)
def test_an_unreachable_server_is_an_error_without_the_password(url: str) -> None:
    with pytest.raises(DatabaseUnreachableError) as unreachable:
        check_reachable(create_engine_for(parse_url(url)))
    text = str(unreachable.value)
    assert text.startswith("The database postgresql://***@")
    assert text.endswith("check DATABASE_URL, or unset it to use the embedded PostgreSQL.")
    assert "\n" not in text
    assert "can't be reached: " in text
    reason = text.partition("can't be reached: ")[2]
    assert "s3cret" not in text
    assert "s/3+cret" not in reason
    assert unreachable.value.__suppress_context__


def test_a_missing_database_is_named_in_the_error(engine: sa.Engine) -> None:
    elsewhere = create_engine_for(engine.url.set(database="no_such_database"))
    with pytest.raises(
        DatabaseUnreachableError, match='database "no_such_database" does not exist'
    ):
        check_reachable(elsewhere)


def test_a_server_that_answers_is_reachable(engine: sa.Engine) -> None:
    check_reachable(engine)


def test_connections_have_a_name_and_a_timeout(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        name = connection.execute(sa.text("SHOW application_name")).scalar()
        options = connection.connection.driver_connection.info.get_parameters()  # pyright: ignore[reportOptionalMemberAccess]
    assert name == "gauntlet"
    assert options["connect_timeout"] == "5"


def test_times_are_in_utc_wherever_the_server_was_made(engine: sa.Engine) -> None:
    elsewhere = sa.text(f"ALTER DATABASE {engine.url.database} SET timezone = 'Asia/Kolkata'")
    with engine.begin() as connection:
        connection.execute(elsewhere)
    engine.dispose()
    noon = {"noon": datetime(2024, 1, 1, 12, tzinfo=UTC)}
    with engine.connect() as connection:
        read = connection.execute(sa.text("SELECT CAST(:noon AS timestamptz)"), noon)
        assert read.scalar_one().isoformat() == "2024-01-01T12:00:00+00:00"
        assert connection.execute(sa.text("SHOW timezone")).scalar() == "UTC"
        connection.rollback()
        assert connection.execute(sa.text("SHOW timezone")).scalar() == "UTC"


def test_options_of_the_url_are_kept(engine: sa.Engine) -> None:
    own = create_engine_for(engine.url.update_query_dict({"application_name": "notebook"}))
    with own.connect() as connection:
        assert connection.execute(sa.text("SHOW application_name")).scalar() == "notebook"
    own.dispose()


def test_a_pool_survives_the_loss_of_its_connections(engine: sa.Engine) -> None:
    others = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with engine.connect() as killer:
        with engine.connect() as victim:
            victim.execute(sa.select(1))
        killer.execute(others)
        check_reachable(engine)  # the pool has a dead connection and does not know it
