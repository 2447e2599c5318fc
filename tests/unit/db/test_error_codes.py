"""What database errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import psycopg
import pymysql
from sqlalchemy.exc import DBAPIError

from tests import TestCase
from volsched.db.error_codes import Fault, fault_of

POSTGRESQL = {
    "40001": Fault.RACE,
    "40P01": Fault.RACE,
    "55P03": Fault.RACE,
    "23505": Fault.DUPLICATE,
    "23503": Fault.REFERENCED,
    "42P01": Fault.NOT_UPGRADED,
    "42703": Fault.NOT_UPGRADED,
    "22001": Fault.TOO_LONG,
    "57P01": Fault.LOST,
    "08006": Fault.LOST,
    "53100": Fault.REFUSED,
    "3D000": Fault.REFUSED,
    "28P01": Fault.REFUSED,
    "25006": Fault.REFUSED,
    "25P03": Fault.LOST,
    "0A000": Fault.LOST,
    "26000": Fault.LOST,
    "22P05": Fault.TOO_LONG,
    "54000": Fault.REFUSED,
    "XX000": Fault.REFUSED,
    "42601": Fault.OURS,
}
MARIADB = {
    1205: Fault.RACE,
    1213: Fault.RACE,
    1020: Fault.RACE,
    1467: Fault.RACE,
    1062: Fault.DUPLICATE,
    1452: Fault.REFERENCED,
    1146: Fault.NOT_UPGRADED,
    1054: Fault.NOT_UPGRADED,
    1406: Fault.TOO_LONG,
    2003: Fault.LOST,
    2006: Fault.LOST,
    2013: Fault.LOST,
    1021: Fault.REFUSED,
    1045: Fault.REFUSED,
    1049: Fault.REFUSED,
    1047: Fault.REFUSED,
    1129: Fault.REFUSED,
    1226: Fault.REFUSED,
    1317: Fault.REFUSED,
    1792: Fault.REFUSED,
    1969: Fault.REFUSED,
    4031: Fault.REFUSED,
    1064: Fault.OURS,
}


def _wrapped(cause: Exception, *, invalidated: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, cause, connection_invalidated=invalidated)


def _sqlite_errors() -> Iterator[tuple[str, Fault, sqlite3.Error]]:
    """Errors as SQLite itself makes them."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, r REFERENCES t (id))")
    connection.execute("INSERT INTO t VALUES (1, 'a', NULL)")
    try:
        for statement, fault in (
            ("SELECT * FROM missing", Fault.NOT_UPGRADED),
            ("SELECT missing FROM t", Fault.NOT_UPGRADED),
            ("INSERT INTO t (missing) VALUES (1)", Fault.NOT_UPGRADED),
            ("INSERT INTO t VALUES (1, 'b', NULL)", Fault.DUPLICATE),
            ("INSERT INTO t VALUES (2, 'a', NULL)", Fault.DUPLICATE),
            ("INSERT INTO t VALUES (2, 'b', 9)", Fault.REFERENCED),
            ("SELEKT", Fault.OURS),
        ):
            try:
                connection.execute(statement)
            except sqlite3.Error as problem:
                yield statement, fault, problem
    finally:
        connection.close()


class TestFaults(TestCase):
    def test_postgresql_by_sqlstate(self) -> None:
        for state, fault in POSTGRESQL.items():
            with self.subTest(state):
                self.assertIs(fault, fault_of(_wrapped(psycopg.errors.lookup(state)("why"))))

    def test_postgresql_without_a_state(self) -> None:
        self.assertIs(Fault.LOST, fault_of(_wrapped(psycopg.OperationalError("connection refused"))))
        self.assertIs(Fault.TOO_LONG, fault_of(_wrapped(psycopg.DataError("NUL"))))

    def test_mariadb_by_number(self) -> None:
        for number, fault in MARIADB.items():
            with self.subTest(number):
                self.assertIs(fault, fault_of(_wrapped(pymysql.err.OperationalError(number, "why", sqlstate="HY000"))))

    def test_an_error_of_sqlite_that_is_not_about_the_statement_is_operational(self) -> None:
        problem = sqlite3.OperationalError("interrupted")
        problem.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
        self.assertIs(Fault.REFUSED, fault_of(_wrapped(problem)))

    def test_sqlite_by_result_code(self) -> None:
        seen = 0
        for statement, fault, problem in _sqlite_errors():
            with self.subTest(statement):
                self.assertIs(fault, fault_of(_wrapped(problem)))
            seen += 1
        self.assertEqual(7, seen)

    def test_what_is_not_known(self) -> None:
        self.assertIs(Fault.OURS, fault_of(_wrapped(ValueError("why"))))
        self.assertIs(Fault.LOST, fault_of(_wrapped(ValueError("why"), invalidated=True)))
