"""Rows of the result as Arrow batches."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from . import _serve
from ._codec import nanos

ROWS = 8192  # rows in a batch


class Rows:
    """Rows on their way to one output."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self._texts = [i for i, f in enumerate(schema) if f.type in (pa.string(), pa.binary())]
        self._full: list[list[list[Any]]] = []  # as many as go into a batch, each
        self._rows: list[list[Any]] = []
        self._size = 0  # bytes of text in _rows

    def add(self, row: list[Any]) -> bool:
        """Holds a row, and says whether there is now enough for a batch."""
        rows, size = self._rows, self._size
        rows.append(row)
        for i in self._texts:
            size += len(row[i] or "")
        self._size = size
        if len(rows) < ROWS and size < _serve.BATCH:
            return False
        self._full.append(rows)
        self._rows, self._size = [], 0
        return True

    def take(self) -> Iterator[pa.RecordBatch]:
        """Batches of what is held, each of a size to send; there is none if there are no rows."""
        held = [*self._full, self._rows] if self._rows else self._full
        self._full, self._rows, self._size = [], [], 0
        for rows in held:
            yield batch(rows, self.schema)


def batch(rows: list[list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """A batch of rows, each a list of columns. The first row that is wrong is named in the failure."""
    if not rows:
        return pa.RecordBatch.from_pylist([], schema)
    try:
        return pa.RecordBatch.from_arrays([_column(list(c), f) for c, f in zip(zip(*rows), schema)], schema=schema)
    except Exception as e:
        if len(rows) == 1:
            raise _serve.failure(TypeError(f"the row {rows[0]!r}: {e}")) from e
        for row in rows:  # the first that is wrong is named
            batch([row], schema)
        raise


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    column = _array(values, field.type)
    if column.null_count and not field.nullable:
        raise TypeError(f"None is no value of the column {field.name}")
    return column


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array([None if v is None else nanos(v) for v in values], pa.int64()).view(kind)
    if kind != pa.string():
        return pa.array(values, kind)
    raw = pa.array([None if v is None else v.encode("utf-8", "surrogateescape") for v in values], pa.binary())  # text may be any bytes
    return pa.Array.from_buffers(kind, len(raw), raw.buffers(), raw.null_count)
