"""The databases that tests are lent: an emptied one serves the next test, any other is dropped."""

import psycopg

from tests.conftest import Postgres


def _lent_next(postgres: Postgres) -> str:
    url = postgres.lend()
    postgres.take_back(url)
    return url


def test_a_database_serves_the_next_test_too(postgres: Postgres) -> None:
    assert _lent_next(postgres) == _lent_next(postgres)


def test_a_database_with_tables_of_another_release_serves_no_other_test(postgres: Postgres) -> None:
    for change in ("UPDATE alembic_version SET version_num = '0001'", "DROP TABLE facts"):
        url = postgres.lend()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(change.encode())
        postgres.take_back(url)
        assert _lent_next(postgres) != url
