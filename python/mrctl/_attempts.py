"""Attempts: what a worker's stream of batches becomes under a job's functions."""

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _result, _serve
from . import _wire as pb
from ._outputs import Outlets

if TYPE_CHECKING:
    from ._job import Job

HELD = 100_000  # keys that are folded at once in a map
_here = threading.local()  # .user: the counters of the attempt that this thread runs


class Counter:
    """A count that is exact whatever is tried twice."""

    def __init__(self, name: str):
        self.name = name

    def add(self, n: int = 1) -> None:
        """Counts n. It is called from map, combine and reduce."""
        _here.user[self.name] = _here.user.get(self.name, 0) + n


def map_attempt(job: "Job", start: Any, messages: Iterator[Any]) -> Iterator[Any]:
    if start.input >= len(job.maps):
        raise _serve.Torn(f"the worker asks for input {start.input}, and the job has {len(job.maps)}")
    source = job.maps[start.input]
    encode = source.encode
    _here.user = user = {}
    outlets = Outlets(job.outputs if job.only_maps else (), of_map=True)
    encode_key, fold = job.keys.encode, job.fold
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
            out.add(key, encode(val))
            if out.size >= _serve.BATCH:
                yield from out.take()
        held.clear()
        yield from out.take()

    for batch, bufs in _serve.input_batches(messages):
        if batch.format != pb.InputBatch.FORMAT_STRINGS or len(bufs) != 2:
            raise _serve.Torn("input in a format that was not asked for")
        data, n, at = bufs[1], batch.buffers.rows, [0]
        for key, val in source.pairs(data, _serve.offsets(bufs[0], n, data), number, at, aside):
            counters.pairs_out += 1
            try:
                k = encode_key(key)
                if fold is None:
                    out.add(k, encode(val))
                else:
                    held[k] = fold(held[k], val) if k in held else val
            except _serve.RAISED as e:
                raise _serve.failure(e, has_record=True, batch=number, row=at[0]) from e
            if out.size >= _serve.BATCH:
                yield from out.take()
            if outlets.full:
                yield from outlets.send()
            if len(held) >= HELD:
                yield from send()
        if outlets.full:
            yield from outlets.send()
        counters.records_in += n
        number += 1
        if bad:
            yield pb.MapResponse(bad=pb.BadRecords(records=bad))
            bad.clear()
        if start.ack_batches or time.monotonic() - told >= 1:
            told = time.monotonic()
            yield pb.MapResponse(progress=pb.Progress(records=counters.records_in))
    yield from send()
    yield from outlets.send()
    counters.user.update(user)
    yield pb.MapResponse(done=pb.MapDone(counters=counters))


def _groups(job: "Job", messages: Iterator[Any], count: Any) -> Iterator[tuple[bytes, Iterator[Any]]]:
    """Keys with their values, across batches."""

    def rows() -> Iterator[tuple[bytes, bytes]]:
        for batch, bufs in _serve.input_batches(messages):
            if len(bufs) != 4:
                raise _serve.Torn(f"a batch of groups in {len(bufs)} buffers")
            n, keys, vals = batch.buffers.rows, bufs[1], bufs[3]
            ko, vo = _serve.offsets(bufs[0], n, keys), _serve.offsets(bufs[2], n, vals)
            for i in range(n):
                yield keys[ko[i] : ko[i + 1]], vals[vo[i] : vo[i + 1]]

    decode = job.values.decode
    stream = rows()
    ahead = next(stream, None)

    def values(key: bytes) -> Iterator[Any]:
        nonlocal ahead
        while ahead is not None and ahead[0] == key:
            val, ahead = ahead[1], next(stream, None)
            yield decode(val)

    while ahead is not None:
        key = ahead[0]
        count.groups_in += 1
        yield key, values(key)
        while ahead is not None and ahead[0] == key:  # what reduce has left, or closed
            ahead = next(stream, None)


def _reduce_group(job: "Job", key: bytes, values: Iterator[Any]) -> Iterator[list[Any]]:
    """The rows of a group, as lists of their columns."""
    if job.reduce is not None:
        assert job.rows is not None
        for row in job.reduce(job.keys.decode(key), values):
            yield list(job.rows.members(row))
        return
    assert job.fold is not None
    acc = next(values)
    for v in values:
        acc = job.fold(acc, v)
    yield [*job.keys.members(job.keys.decode(key)), *job.values.members(acc)]


def reduce_attempt(job: "Job", start: Any, messages: Iterator[Any]) -> Iterator[Any]:
    _here.user = user = {}
    outlets = Outlets(job.outputs)
    counters, rows = pb.Counters(), _result.Rows(job.output())

    def send() -> Iterator[Any]:
        for batch in rows.take():
            yield from _serve.rows_message(batch)
            counters.rows_out += batch.num_rows

    add = rows.add
    for key, values in _groups(job, messages, counters):
        try:
            for row in _reduce_group(job, key, values):
                if add(row):
                    yield from send()
                if outlets.full:
                    yield from outlets.send()
            if outlets.full:
                yield from outlets.send()
        except (_serve.Torn, _serve.Stop):
            raise
        except _serve.RAISED as e:
            raise _serve.failure(e, has_record=True, key=key[: 64 << 10]) from e
    yield from send()
    yield from outlets.send()
    counters.user.update(user)
    yield pb.ReduceResponse(done=pb.ReduceDone(counters=counters))
