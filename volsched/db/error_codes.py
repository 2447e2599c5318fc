"""The classification of database errors by the codes of the databases."""

from __future__ import annotations

from enum import Enum

from sqlalchemy.exc import DBAPIError


class Fault(Enum):
    """A class of database errors that are handled alike."""

    RACE = "conflict with another transaction"  # the whole transaction is run again
    DUPLICATE = "such a row exists"  # run again, the transaction reads the row of the winner
    LOST = "the connection was lost"
    REFUSED = "the database cannot be used"  # disk full, wrong password, no such database…
    NOT_UPGRADED = "a table or column is missing"
    REFERENCED = "another row refers to it, or the row referred to is missing"
    TOO_LONG = "a value is too long, or has characters that the database lacks"
    OURS = "the statement is wrong"


# PostgreSQL, by SQLSTATE; a class where the entry has two characters.
_SQLSTATES = {
    "40001": Fault.RACE,  # serialisation failure
    "40P01": Fault.RACE,  # deadlock
    "55P03": Fault.RACE,  # lock timeout
    "23505": Fault.DUPLICATE,
    "23503": Fault.REFERENCED,
    "42P01": Fault.NOT_UPGRADED,  # undefined table
    "42703": Fault.NOT_UPGRADED,  # undefined column
    "22001": Fault.TOO_LONG,
    "22003": Fault.TOO_LONG,  # numeric value out of range
    "22021": Fault.TOO_LONG,  # character not in repertoire
    "08": Fault.LOST,
    "25P03": Fault.LOST,  # a pause in a transaction was too long
    "0A000": Fault.LOST,  # a prepared statement whose table was altered
    "26000": Fault.LOST,  # a prepared statement of another session, behind a connection pooler
    "42P05": Fault.LOST,
    "57": Fault.LOST,  # shut down, crashed, cancelled, still starting
    "25006": Fault.REFUSED,  # read only
    "28": Fault.REFUSED,
    "3D": Fault.REFUSED,
    "42501": Fault.REFUSED,
    "53": Fault.REFUSED,  # out of disk, memory, connections
    "58": Fault.REFUSED,  # input or output error
}

# MariaDB, by error number.
_ERROR_NUMBERS = {
    1205: Fault.RACE,  # lock wait timeout
    1213: Fault.RACE,  # deadlock
    1020: Fault.RACE,  # the record changed since it was read
    1467: Fault.RACE,  # no number for a new row: others wait for the counter, and this one lost
    1062: Fault.DUPLICATE,
    1451: Fault.REFERENCED,
    1452: Fault.REFERENCED,
    1146: Fault.NOT_UPGRADED,
    1054: Fault.NOT_UPGRADED,
    1264: Fault.TOO_LONG,  # out of range
    1366: Fault.TOO_LONG,  # no text of this character set
    1406: Fault.TOO_LONG,
    1064: Fault.OURS,  # syntax
    1053: Fault.LOST,  # shutting down
    1927: Fault.LOST,  # killed
    2002: Fault.LOST,
    2003: Fault.LOST,
    2006: Fault.LOST,
    2013: Fault.LOST,
    2055: Fault.LOST,
    0: Fault.LOST,  # a connection that is closed already
    1021: Fault.REFUSED,  # disk full
    1030: Fault.REFUSED,  # an error from the storage engine
    1040: Fault.REFUSED,  # too many connections
    1044: Fault.REFUSED,
    1045: Fault.REFUSED,
    1049: Fault.REFUSED,  # no such database
    1114: Fault.REFUSED,  # the table is full
    1142: Fault.REFUSED,
    1290: Fault.REFUSED,  # read only
    1698: Fault.REFUSED,
}

# SQLite, by extended result code, else by the primary one (its low byte).
_RESULT_CODES = {
    5: Fault.RACE,  # busy
    6: Fault.RACE,  # locked
    1555: Fault.DUPLICATE,
    2067: Fault.DUPLICATE,
    787: Fault.REFERENCED,
    3: Fault.REFUSED,  # permission
    8: Fault.REFUSED,  # read only
    10: Fault.REFUSED,  # input or output error
    11: Fault.REFUSED,  # damaged
    13: Fault.REFUSED,  # disk full
    14: Fault.REFUSED,  # cannot open
    18: Fault.TOO_LONG,
    26: Fault.REFUSED,  # not a database
}


#: SQLite's codes for a wrong statement, constraint, type, call or parameter.
_OF_STATEMENTS = frozenset({1, 19, 20, 21, 25})


def fault_of(error: DBAPIError) -> Fault:
    """Return the class of an error of any of the databases."""
    if error.connection_invalidated:
        return Fault.LOST
    cause = error.orig
    driver = type(cause).__module__.partition(".")[0]
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return _sqlite(code, str(cause))
    if driver == "pymysql" and cause is not None and cause.args:
        # Its numbers are more precise than its SQLSTATEs: most of these are HY000.
        return _ERROR_NUMBERS.get(cause.args[0]) or _unknown(cause)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _SQLSTATES.get(state) or _SQLSTATES.get(state[:2]) or _unknown(cause)
    if driver == "psycopg":
        # An error without a state did not reach the server: there is no connection, or the value cannot be sent.
        return Fault.TOO_LONG if type(cause).__name__ == "DataError" else Fault.LOST
    return Fault.OURS


def _unknown(cause: BaseException | None) -> Fault:
    """Return the class of an error without an entry: what is not about the statement or its values is operational."""
    kinds = {kind.__name__ for kind in type(cause).__mro__}
    if "DataError" in kinds:
        return Fault.TOO_LONG
    return Fault.REFUSED if kinds & {"OperationalError", "InternalError"} else Fault.OURS


def _sqlite(code: int, text: str) -> Fault:
    if code == 1 and text.startswith(("no such table", "no such column", "table ")):
        return Fault.NOT_UPGRADED
    known = _RESULT_CODES.get(code) or _RESULT_CODES.get(code & 0xFF)
    return known or (Fault.OURS if code & 0xFF in _OF_STATEMENTS else Fault.REFUSED)
