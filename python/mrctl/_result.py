"""Rows of the result as Arrow batches."""

from typing import Any

import pyarrow as pa

from . import _serve
from ._codec import nanos


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
    if not field.nullable and None in values:
        raise TypeError(f"None is no value of the column {field.name}")
    if pa.types.is_timestamp(field.type):
        return pa.array([None if v is None else nanos(v) for v in values], pa.int64()).view(field.type)
    if field.type != pa.string():
        return pa.array(values, field.type)
    raw = pa.array([None if v is None else v.encode("utf-8", "surrogateescape") for v in values], pa.binary())  # text may be any bytes
    return pa.Array.from_buffers(field.type, len(raw), raw.buffers(), raw.null_count)
