"""A SAS transport file (XPORT version 5), checked before it is believed.

The format holds no count of its records, and readers return what they find: a file cut short reads as
fewer patients, without a word. What the layout allows is therefore checked here: records of 80 bytes,
the four headers, and a data part that is whole observations plus less than 80 blanks. A file cut
exactly between two observations cannot be told from a shorter one.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..errors import DataError

_RECORD = 80
_LIBRARY = b"HEADER RECORD*******LIBRARY HEADER RECORD"
_LIBRARY_8 = b"HEADER RECORD*******LIBV8   HEADER RECORD"
_MEMBER = b"HEADER RECORD*******MEMBER  HEADER RECORD"
_NAMESTR = b"HEADER RECORD*******NAMESTR HEADER RECORD"
_OBSERVATIONS = b"HEADER RECORD*******OBS     HEADER RECORD"
_MEMBER_AT, _NAMESTR_AT = 3 * _RECORD, 7 * _RECORD
_SEND_AGAIN = "Copy or export the file again."


def read_xpt(path: Path) -> pl.DataFrame:
    """The one data set of a SAS transport file, or a DataError that says why not."""
    import pyreadstat

    expected = count_observations(path.read_bytes(), path.name)
    try:
        frame, _ = pyreadstat.read_xport(str(path), output_format="polars")
    except UnicodeDecodeError:
        raise DataError(
            "the SAS transport file holds text that is not UTF-8",
            file=path.name,
            remedy="Export it again in UTF-8 or plain ASCII, as submissions require.",
        ) from None
    except Exception as error:  # the reader's own exception has no public base but Exception
        raise DataError(
            f"the SAS transport file cannot be read ({error})", file=path.name, remedy=_SEND_AGAIN
        ) from None
    assert isinstance(frame, pl.DataFrame)
    if frame.height != expected:
        raise DataError(
            f"the SAS transport file holds {expected} records but {frame.height} could be read",
            file=path.name,
            remedy=_SEND_AGAIN,
        )
    return frame


def count_observations(raw: bytes, file: str) -> int:
    """Observations in the bytes of a transport file; refuses bytes that are not a whole one."""
    if raw.startswith(_LIBRARY_8):
        raise DataError("the SAS transport file is of version 8", file=file, remedy="Export it as version 5 (XPORT).")
    if not raw.startswith(_LIBRARY):
        raise DataError(
            "the file is not a SAS transport file",
            file=file,
            remedy="Export it with the XPORT engine (version 5), or give CSV or Parquet.",
        )
    if len(raw) % _RECORD:
        raise _cut_short(f"its {len(raw)} bytes are not whole records of {_RECORD}", file)
    length, start = _layout(raw, file)
    data = raw[start:]
    if any(data.startswith(_MEMBER, i) for i in range(0, len(data), _RECORD)):
        raise DataError("the SAS transport file holds more than one data set", file=file, remedy="Export one a file.")
    count, rest = divmod(len(data), length)
    padding = data[len(data) - rest :]
    if rest >= _RECORD or padding.strip(b" "):
        raise _cut_short("its last observation is incomplete", file)
    blank = b" " * length
    # Observations shorter than the padding leave blanks that look like observations without any value.
    while count and data[(count - 1) * length : count * length] == blank:
        count -= 1
    return count


def _layout(raw: bytes, file: str) -> tuple[int, int]:
    """Bytes of one observation, and where the first one starts."""
    member, namestr = raw[_MEMBER_AT : _MEMBER_AT + _RECORD], raw[_NAMESTR_AT : _NAMESTR_AT + _RECORD]
    if not (member.startswith(_MEMBER) and namestr.startswith(_NAMESTR)):
        raise _cut_short("its headers are incomplete", file)
    try:
        size, variables = int(member[74:78]), int(namestr[54:58])
    except ValueError:
        raise _cut_short("its headers are damaged", file) from None
    first = _NAMESTR_AT + _RECORD
    end = first + -(-size * variables // _RECORD) * _RECORD
    if not raw.startswith(_OBSERVATIONS, end):
        raise _cut_short("its list of variables is incomplete", file)
    # Each description begins with type, hash and length, as big-endian shorts.
    length = sum(int.from_bytes(raw[at + 4 : at + 6], "big") for at in range(first, first + size * variables, size))
    if length == 0:
        raise _cut_short("it describes no variable", file)
    return length, end + _RECORD


def _cut_short(why: str, file: str) -> DataError:
    return DataError(f"the SAS transport file is cut short or damaged: {why}", file=file, remedy=_SEND_AGAIN)
