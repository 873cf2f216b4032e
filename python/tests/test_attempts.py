"""Attempts as a worker sees them: what becomes of wrong values, of exceptions, of large rows."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from mrctl import Job
from mrctl import _serve
from mrctl import _wire as pb
from mrctl._program import Program


class Context:
    """The call of an attempt that nobody aborts."""

    def abort(self, code: Any, text: str) -> None:
        raise AssertionError(f"aborted with {code}: {text}")


def strings(values: list[bytes]) -> tuple[bytes, bytes]:
    ends = [0]
    for v in values:
        ends.append(ends[-1] + len(v))
    return b"".join(n.to_bytes(4, "little") for n in ends), b"".join(values)


def mapped(job: Job, *records: bytes) -> list[Any]:
    off, data = strings(list(records))
    buffers = pb.Buffers(rows=len(records), lengths=[len(off), len(data)])
    batch = pb.InputBatch(format=pb.InputBatch.FORMAT_STRINGS, buffers=buffers, body_length=len(off) + len(data))
    messages = [pb.MapRequest(start=pb.MapStart()), pb.MapRequest(batch=batch, body=off + data), pb.MapRequest(end=pb.End())]
    return list(_serve.Service(pb.DescribeResponse(), Program(job)).map(iter(messages), Context()))  # type: ignore[arg-type]


def reduced(job: Job, *pairs: tuple[str, int]) -> list[Any]:
    bufs = [*strings([job.keys.encode(k) for k, _ in pairs]), *strings([job.values.encode(v) for _, v in pairs])]
    buffers = pb.Buffers(rows=len(pairs), lengths=[len(b) for b in bufs])
    batch = pb.GroupBatch(buffers=buffers, body_length=sum(map(len, bufs)))
    messages = [pb.ReduceRequest(start=pb.ReduceStart()), pb.ReduceRequest(batch=batch, body=b"".join(bufs)), pb.ReduceRequest(end=pb.End())]
    return list(_serve.Service(pb.DescribeResponse(), Program(job)).reduce(iter(messages), Context()))  # type: ignore[arg-type]


def by(pair: Any, types: tuple[Any, Any], **more: Any) -> Job:
    def each(line: bytes):  # type: ignore[no-untyped-def]
        if line == b"exit":
            sys.exit("enough")
        yield pair(line)

    return Job("j", map=each, types=types, **more)


@pytest.mark.parametrize(
    "job",
    [
        by(lambda line: (line, "text" if line == b"wrong" else b"bytes"), (bytes, bytes)),
        by(lambda line: (line, None if line == b"wrong" else b"bytes"), (bytes, bytes)),
        by(lambda line: (None if line == b"wrong" else "key", 1), (str, int)),
        by(lambda line: ("key", None if line == b"wrong" else 1), (str, int)),
        by(lambda line: ("key", 2**63 if line == b"wrong" else 1), (str, int)),
        by(lambda line: ("\ud800" if line == b"wrong" else "key", 1), (str, int), combine="sum"),
    ],
)
def test_a_pair_that_has_no_encoding_names_its_record(job: Job) -> None:
    last = mapped(job, b"fine", b"fine", b"wrong", b"fine")[-1]
    assert last.WhichOneof("kind") == "failure" and last.failure.has_record and last.failure.row == 2


@pytest.mark.parametrize("wrong", [None, 2**63, "text"])
def test_a_fold_that_has_no_encoding_is_a_failure(wrong: Any) -> None:
    job = by(lambda line: ("key", wrong), (str, int), combine=lambda a, b: a)
    last = mapped(job, b"one", b"two")[-1]
    assert last.WhichOneof("kind") == "failure" and last.failure.error


def test_leaving_is_a_failure() -> None:
    last = mapped(by(lambda line: ("key", 1), (str, int)), b"fine", b"exit")[-1]
    assert last.failure.row == 1 and "enough" in last.failure.error


def test_reduce_may_close_its_values() -> None:
    def first(key: str, values: Iterator[int]) -> Iterator[tuple[str, int]]:
        yield key, next(values)
        values.close()  # type: ignore[attr-defined]

    job = by(lambda line: ("key", 1), (str, int), reduce=first)
    rows, done = reduced(job, ("a", 1), ("a", 2), ("a", 3), ("b", 4))
    assert rows.batch.rows == 2 and done.done.counters.groups_in == 2


@pytest.mark.parametrize("wrong", [(None, 1.0), (1, None), (1, "text")])
def test_a_row_with_a_wrong_column_is_named(wrong: Any) -> None:
    def rows(key: str, values: Iterator[int]) -> Iterator[tuple[int, float]]:
        yield wrong if key == "b" else (1, 1.0)

    last = reduced(by(lambda line: ("key", 1), (str, int), reduce=rows), ("a", 1), ("b", 1), ("c", 1))[-1]
    assert last.WhichOneof("kind") == "failure" and repr(list(wrong)) in last.failure.error


def test_large_rows_are_sent_a_few_at_a_time() -> None:
    def rows(key: str, values: Iterator[int]) -> Iterator[bytes]:
        for _ in range(8):
            yield bytes(_serve.BATCH // 2)

    sent = reduced(by(lambda line: ("key", 1), (str, int), reduce=rows), ("a", 1))
    assert [m.batch.rows for m in sent if m.WhichOneof("kind") == "batch"] == [2, 2, 2, 2]
    assert sent[-1].done.counters.rows_out == 8
