"""What an author writes: a job, its types taken from the annotations of its functions."""

import argparse
import collections.abc
import os
import sys
import threading
import time
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from . import _flags, _result, _serve
from . import _wire as pb
from ._codec import Codec
from ._records import Records

HELD = 100_000  # keys that are folded at once in a map
ROWS = 8192  # rows of the result in a batch
_here = threading.local()  # .user: the counters of the attempt that this thread runs


class BadRecord(Exception):
    """Raised by map: the record is set aside and counted, and the job goes on."""


class Counter:
    """A count that is exact whatever is tried twice."""

    def __init__(self, name: str):
        self.name = name

    def add(self, n: int = 1) -> None:
        """Counts n. It is called from map, combine and reduce."""
        _here.user[self.name] = _here.user.get(self.name, 0) + n


def _wrap(n: Any) -> Any:
    return n if isinstance(n, float) else (n + 2**63) % 2**64 - 2**63


def _item(annotation: Any, what: str) -> Any:
    """X of Iterable[X] and its kin."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (collections.abc.Iterable, collections.abc.Iterator, collections.abc.Generator, list) and args:
        return args[0]
    raise TypeError(f"{what}: annotate it, as Iterator[...]; it is {annotation!r}")


def _without_keys(each: Callable[..., Iterable[Any]]) -> Callable[..., Iterable[Any]]:
    return lambda record: (((), row) for row in each(record))


class Job:
    """A map, what folds its values, and a reduce.

    map(record) yields (key, value), of a line if the record is annotated as str or bytes, or of a row if it is a dataclass,
    whose fields are columns of the input. map_batch(batch) gets a pyarrow.RecordBatch with those columns (of lines the one
    column "record") and yields (keys, values), two arrays; it needs types=(K, V), and record=Row for rows. combine is "sum", "min", "max" or an associative and
    commutative function of two values. reduce(key, values) yields rows; without one each key with its folded value is a row.
    each(record), instead of all of these, yields the rows of the result in the order of the input: nothing is grouped.
    flags are the job's own: an argparse parser, whose values are in the job's .flags when its functions are called.
    """

    def __init__(
        self,
        name: str,
        *,
        map: Callable[..., Iterable[Any]] | None = None,
        map_batch: Callable[[pa.RecordBatch], Iterable[Any]] | None = None,
        reduce: Callable[..., Iterable[Any]] | None = None,
        combine: str | Callable[[Any, Any], Any] | None = None,
        each: Callable[..., Iterable[Any]] | None = None,
        types: tuple[Any, Any] | None = None,
        record: Any = None,
        flags: argparse.ArgumentParser | None = None,
    ):
        self._parser = flags or argparse.ArgumentParser(prog=name, add_help=False)
        _flags.check(self._parser)
        self.flags = argparse.Namespace()
        if [map, map_batch, each].count(None) != 2:
            raise TypeError(f"job {name}: it needs one of map, map_batch and each")
        self._only_maps = each is not None
        if each is not None:
            if reduce is not None or combine is not None or types is not None:
                raise TypeError(f"job {name}: each groups nothing, so reduce, combine and types do not go with it")
            hints = typing.get_type_hints(each)
            types = (tuple[()], _item(hints.pop("return", None), f"job {name}: what each returns"))
            record = record or next(iter(hints.values()), None)
            map = _without_keys(each)
        self.name, self._map, self._map_batch, self._reduce = name, map, map_batch, reduce
        if map is not None:
            hints = typing.get_type_hints(map)
            back = hints.pop("return", None)
            record = record or next(iter(hints.values()), None)
            if types is None:
                pair = _item(back, f"job {name}: what map returns")
                if typing.get_origin(pair) is not tuple or len(typing.get_args(pair)) != 2:
                    raise TypeError(f"job {name}: map yields {pair}, not a tuple of key and value")
                types = typing.get_args(pair)
        elif types is None:
            raise TypeError(f"job {name}: map_batch needs types=(K, V)")
        self._records = Records(record or bytes)
        self._keys, self._vals = Codec(types[0], "key"), Codec(types[1], "value")
        self._fold, self._fold_kind = self._folding(combine)
        self._rows: Codec | None = None
        if reduce is not None:
            self._rows = Codec(_item(typing.get_type_hints(reduce).get("return"), f"job {name}: what reduce returns"))

    def _folding(self, combine: Any) -> tuple[Callable[[Any, Any], Any] | None, int]:
        if combine is None:
            return None, pb.Stage.FOLD_UNSPECIFIED
        if callable(combine):
            return combine, pb.Stage.FOLD_OPAQUE
        encode = self._vals.encode  # its order is that of the worker's fold, of NaN too
        known = {
            "sum": (lambda a, b: _wrap(a + b), pb.Stage.FOLD_SUM),
            "min": (lambda a, b: min(a, b, key=encode), pb.Stage.FOLD_MIN),
            "max": (lambda a, b: max(a, b, key=encode), pb.Stage.FOLD_MAX),
        }
        if combine not in known or self._vals.type not in (int, float):
            raise TypeError(f"job {self.name}: combine={combine!r} of {self._vals.type}: sum, min and max are of int or float; or give a function")
        return known[combine]

    @property
    def _reduces(self) -> bool:
        return self._rows is not None or self._fold_kind == pb.Stage.FOLD_OPAQUE

    def _output(self) -> pa.Schema:
        return pa.schema(self._rows.fields if self._rows else self._keys.fields + self._vals.fields)

    def describe(self, args: list[str]) -> pb.DescribeResponse:
        """What the worker is told of the job."""
        about = pb.DescribeResponse(protocol=_serve.PROTOCOL, sdk="python/0.1")
        about.flags.extend(_flags.described(self._parser))
        try:
            self.flags = _flags.parsed(self._parser, args)
        except _flags.Wrong as e:
            about.invalid = str(e)
            return about
        schema = lambda s: s.serialize().to_pybytes()
        about.stages.add(
            name=self.name,
            input_schema=schema(self._records.schema),
            key_schema=schema(pa.schema(self._keys.fields)),
            value_schema=schema(pa.schema(self._vals.fields)),
            output_schema=schema(self._output()),
            input_kind=self._records.kind,
            fold=self._fold_kind,  # type: ignore[arg-type]
            has_map=True,
            has_reduce=self._reduces,
            map_only=self._only_maps,
        )
        return about

    def main(self) -> None:
        """Serves the job to the worker that has started this program."""
        if os.environ.get(_serve.COOKIE) != _serve.COOKIE_VALUE:
            sys.exit(f"{self.name} is a job for mrctl:\n\n  python -m mrctl pack {sys.argv[0]} -o {self.name}\n  mrctl run ./{self.name} INPUT...")
        _serve.serve(self.describe(sys.argv[1:]), self)

    def _pairs(
        self, data: bytes, off: memoryview, number: int, at: list[int], aside: Callable[[int, bytes, Exception], None]
    ) -> Iterator[tuple[Any, Any]]:
        """The pairs of a batch of records; at[0] is the record that a pair is of."""
        if self._map_batch is not None:
            try:
                for keys, vals in self._map_batch(self._records.batch(data, off)):
                    yield from zip(keys.to_pylist(), vals.to_pylist(), strict=True)
            except _serve.RAISED as e:
                raise _serve.failure(e, has_record=True, batch=number, row=0) from e
            return
        assert self._map is not None
        for row in range(len(off) - 1):
            raw, at[0] = data[off[row] : off[row + 1]], row
            try:
                yield from self._map(self._records.decode(raw))
            except BadRecord as e:
                aside(row, raw, e)
            except _serve.RAISED as e:
                raise _serve.failure(e, has_record=True, batch=number, row=row) from e

    def _map_attempt(self, start: Any, messages: Iterator[Any]) -> Iterator[Any]:
        _here.user = user = {}
        counters, out, held = pb.Counters(), _serve.Gather(), {}  # type: ignore[var-annotated]
        told, bad, number = time.monotonic(), [], 0  # type: ignore[var-annotated]

        def aside(row: int, raw: bytes, e: Exception) -> None:
            counters.bad_records += 1
            clean = str(e)[:4096].encode("utf-8", "replace").decode()
            if start.report_bad:
                bad.append(pb.BadRecord(batch=number, row=row, error=clean, record=raw[: 64 << 10]))
            elif len(counters.bad_samples) < start.bad_samples:
                counters.bad_samples.add(batch=number, row=row, error=clean, record=raw[:1024])

        def send() -> Iterator[Any]:
            for key, val in held.items():
                out.add(key, self._vals.encode(val))
                if out.size >= _serve.BATCH:
                    yield from out.take()
            held.clear()
            yield from out.take()

        for batch, bufs in _serve.input_batches(messages):
            if batch.format != pb.InputBatch.FORMAT_STRINGS or len(bufs) != 2:
                raise _serve.Torn("input in a format that was not asked for")
            data, n, at = bufs[1], batch.buffers.rows, [0]
            for key, val in self._pairs(data, _serve.offsets(bufs[0], n, data), number, at, aside):
                counters.pairs_out += 1
                try:
                    k = self._keys.encode(key)
                    if self._fold is None:
                        out.add(k, self._vals.encode(val))
                    else:
                        held[k] = self._fold(held[k], val) if k in held else val
                except _serve.RAISED as e:
                    raise _serve.failure(e, has_record=True, batch=number, row=at[0]) from e
                if out.size >= _serve.BATCH:
                    yield from out.take()
                if len(held) >= HELD:
                    yield from send()
            counters.records_in += n
            number += 1
            if bad:
                yield pb.MapResponse(bad=pb.BadRecords(records=bad))
                bad.clear()
            if start.ack_batches or time.monotonic() - told >= 1:
                told = time.monotonic()
                yield pb.MapResponse(progress=pb.Progress(records=counters.records_in))
        yield from send()
        counters.user.update(user)
        yield pb.MapResponse(done=pb.MapDone(counters=counters))

    def _groups(self, messages: Iterator[Any], count: Any) -> Iterator[tuple[bytes, Iterator[Any]]]:
        """Keys with their values, across batches."""

        def rows() -> Iterator[tuple[bytes, bytes]]:
            for batch, bufs in _serve.input_batches(messages):
                if len(bufs) != 4:
                    raise _serve.Torn(f"a batch of groups in {len(bufs)} buffers")
                n, keys, vals = batch.buffers.rows, bufs[1], bufs[3]
                ko, vo = _serve.offsets(bufs[0], n, keys), _serve.offsets(bufs[2], n, vals)
                for i in range(n):
                    yield keys[ko[i] : ko[i + 1]], vals[vo[i] : vo[i + 1]]

        stream = rows()
        ahead = next(stream, None)

        def values(key: bytes) -> Iterator[Any]:
            nonlocal ahead
            while ahead is not None and ahead[0] == key:
                val, ahead = ahead[1], next(stream, None)
                yield self._vals.decode(val)

        while ahead is not None:
            key = ahead[0]
            count.groups_in += 1
            yield key, values(key)
            while ahead is not None and ahead[0] == key:  # what reduce has left, or closed
                ahead = next(stream, None)

    def _reduce_group(self, key: bytes, values: Iterator[Any]) -> Iterator[list[Any]]:
        """The rows of a group, as lists of their columns."""
        if self._reduce is not None:
            assert self._rows is not None
            for row in self._reduce(self._keys.decode(key), values):
                yield list(self._rows.members(row))
            return
        assert self._fold is not None
        acc = next(values)
        for v in values:
            acc = self._fold(acc, v)
        yield [*self._keys.members(self._keys.decode(key)), *self._vals.members(acc)]

    def _reduce_attempt(self, start: Any, messages: Iterator[Any]) -> Iterator[Any]:
        _here.user = user = {}
        counters, schema = pb.Counters(), self._output()
        texts = [i for i, f in enumerate(schema) if f.type in (pa.string(), pa.binary())]
        rows: list[list[Any]] = []
        size = 0  # bytes of text in rows

        def send() -> Iterator[Any]:
            nonlocal size
            if rows:
                yield from _serve.rows_message(_result.batch(rows, schema))
                counters.rows_out += len(rows)
                rows.clear()
                size = 0

        for key, values in self._groups(messages, counters):
            try:
                for row in self._reduce_group(key, values):
                    rows.append(row)
                    for i in texts:
                        size += len(row[i] or "")
                    if len(rows) >= ROWS or size >= _serve.BATCH:
                        yield from send()
            except (_serve.Torn, _serve.Stop):
                raise
            except _serve.RAISED as e:
                raise _serve.failure(e, has_record=True, key=key[: 64 << 10]) from e
        yield from send()
        counters.user.update(user)
        yield pb.ReduceResponse(done=pb.ReduceDone(counters=counters))
