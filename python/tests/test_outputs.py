"""Named outputs, through mrctl run and as messages."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterator

import pytest
from mrctl import Job, Output, _serve
from mrctl._program import Program
from test_attempts import by, mapped, reduced
from test_jobs import mrctl, packed


@dataclasses.dataclass
class Row:
    text: str


errors = Output("errors", Row)


def test_of_a_reduce(tmp_path: pathlib.Path) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out"
    text.write_text("a rose is a rose\nis a b 7 thorn\n" + " ".join(f"w{n}" for n in range(100)))
    mrctl("run", "-q", packed("tests/jobs/sorted_out.py", tmp_path), str(text), "-o", str(out), "--partitions", "2")
    words = collections.Counter(text.read_text().split())
    got = {name: sorted(mrctl("cat", str(out / name)).stdout.splitlines()) for name in ("", "rare", "letters")}
    assert got[""] == sorted(f"{w}\t{n}" for w, n in words.items() if len(w) > 1 and n > 1)
    assert got["rare"] == sorted(f"{w}\t1" for w, n in words.items() if len(w) > 1 and n == 1)
    assert [line.split("\t")[0] for line in got["letters"]] == ["7", "a", "b"] and got["letters"][1] == "a\tA"


def test_of_a_job_that_only_maps(tmp_path: pathlib.Path) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out"
    text.write_text("1\ntwo\n3\n")
    mrctl("run", "-q", packed("tests/jobs/parsed.py", tmp_path), str(text), "-o", str(out), "--output-format", "csv")
    assert mrctl("cat", str(out)).stdout.splitlines() == ["n", "1", "3"]
    assert mrctl("cat", str(out / "errors")).stdout.splitlines()[1].startswith("two,")


def test_large_rows_go_a_few_at_a_time_and_are_not_of_the_result() -> None:
    def rows(key: str, values: Iterator[int]) -> Iterator[str]:
        for _ in range(5):
            errors.emit(Row("x" * (_serve.BATCH // 2)))
        yield key

    sent = reduced(by(lambda line: ("key", 1), (str, int), reduce=rows, outputs=[errors]), ("a", 1), ("b", 1))
    batches = [(m.batch.output, m.batch.rows) for m in sent if m.WhichOneof("kind") == "batch"]
    assert batches == [(1, 2), (1, 2), (1, 1)] * 2 + [(0, 2)]
    assert sent[-1].done.counters.rows_out == 2


def test_emit_is_of_reduce_and_each() -> None:
    def pair(line: bytes) -> tuple[str, int]:
        errors.emit(Row("here"))
        return "key", 1

    def rows(key: str, values: Iterator[int]) -> Iterator[str]:
        yield key

    last = mapped(by(pair, (str, int), reduce=rows, outputs=[errors]), b"fine")[-1]
    assert "emit is called from reduce" in last.failure.error and last.failure.has_record
    with pytest.raises(TypeError, match="emit is called from reduce"):
        Output("other", Row).emit(Row("nowhere"))


def test_a_wrong_row_is_a_failure() -> None:
    def rows(key: str, values: Iterator[int]) -> Iterator[str]:
        errors.emit(Row(None) if key == "b" else Row("fine"))  # type: ignore[arg-type]
        yield key

    last = reduced(by(lambda line: ("key", 1), (str, int), reduce=rows, outputs=[errors]), ("a", 1), ("b", 1))[-1]
    assert "[None]" in last.failure.error


def test_wrong_outputs() -> None:
    def lines(line: str) -> Iterator[tuple[str, int]]:
        yield line, 1

    def rows(key: str, values: Iterator[int]) -> Iterator[Row]:
        yield Row(key)

    def again(row: Row) -> Iterator[tuple[str, int]]:
        yield row.text, 1

    for name in ("", "A", "x" * 41):
        with pytest.raises(TypeError, match="a name is"):
            Output(name, Row)
    with pytest.raises(TypeError, match="by reduce, or by each"):
        Job("wrong", map=lines, combine="sum", outputs=[errors])
    with pytest.raises(TypeError, match="a name of its own"):
        Job("wrong", map=lines, reduce=rows, outputs=[errors, Output("errors", Row)])
    early = Job("early", map=lines, reduce=rows, outputs=[errors])
    with pytest.raises(TypeError, match="only the last stage"):
        Program(Job("late", inputs={early: again}))
