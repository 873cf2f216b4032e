"""Rows as input: what becomes of columns, through mrctl run and against the same job in Go."""

import dataclasses
import datetime
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet
import pytest
from mrctl import Job
from mrctl._codec import NO_TIME, Codec
from mrctl._records import Records
from test_jobs import ROOT, mrctl, packed

VISITS = """user,time,path,bytes
ann,2024-05-01T10:00:00Z,/,7
"b
ob",2024-05-01T10:00:00.25Z,"/a,b",7
ann,2024-05-01T10:29:00Z,/x,7
ann,2024-05-01T11:00:00+00:00,/y,7
"""


@pytest.mark.parametrize("minutes", [None, 20])
def test_rows_as_the_go_example_has_them(minutes: int | None, tmp_path: pathlib.Path) -> None:
    text = tmp_path / "in.csv"
    text.write_text(VISITS)
    ours, theirs = (
        mrctl("run", "-q", plugin, str(text), "-o", "-", "--single", "--output-format", "jsonl", *flags).stdout
        for plugin, flags in (
            (packed("tests/jobs/sessions.py", tmp_path), ["--", "--gap", str(minutes)] if minutes else []),
            (str(ROOT / "examples" / "sessions"), ["--", "-gap", f"{minutes}m"] if minutes else []),
        )
    )
    assert ours == theirs and len(ours.splitlines()) == (4 if minutes else 3)


@pytest.mark.parametrize("ext", ["csv", "jsonl", "parquet"])
def test_batches_of_rows(ext: str, tmp_path: pathlib.Path) -> None:
    text = tmp_path / f"in.{ext}"
    if ext == "csv":
        text.write_text("cost,path\n1.5,/\n,/\n2,/a\n")
    elif ext == "jsonl":
        text.write_text('{"path":"/","cost":1.5,"x":[]}\n{"path":"/","cost":null}\n{"cost":2,"path":"/a"}\n')
    else:
        pyarrow.parquet.write_table(pa.table({"path": ["/", "/", "/a"], "x": [1, 2, 3], "cost": [1.5, None, 2.0]}), text)
    out = mrctl("run", "-q", packed("tests/jobs/paths.py", tmp_path), str(text), "-o", "-", "--single").stdout
    assert out.splitlines() == ["/\t2", "/a\t2"]


def test_a_lone_text_is_a_row(tmp_path: pathlib.Path) -> None:
    job, text = tmp_path / "one.py", tmp_path / "in.jsonl"
    job.write_text(
        "import dataclasses\nfrom collections.abc import Iterator\nfrom mrctl import Job\n"
        "@dataclasses.dataclass\nclass One:\n    path: str\n"
        "def each(row: One) -> Iterator[One]:\n    yield One(row.path.upper())\n"
        "Job('one', each=each).main()\n"
    )
    text.write_text('{"path":"/a\\u0000b"}\n{"path":""}\n')
    out = mrctl("run", "-q", packed(str(job), tmp_path), str(text), "-o", "-", "--output-format", "jsonl").stdout
    assert out.splitlines() == ['{"path":"/A\\u0000B"}', '{"path":""}']


def test_a_column_that_is_missing_is_named(tmp_path: pathlib.Path) -> None:
    text = tmp_path / "in.csv"
    text.write_text("user,path\nann,/\n")
    done = mrctl("run", "-q", packed("tests/jobs/sessions.py", tmp_path), str(text), "-o", "-", code=2)
    assert "no column time" in done.stderr


def test_optional_and_times() -> None:
    at = datetime.datetime(2024, 5, 1, 10, tzinfo=datetime.UTC)
    codec = Codec(tuple[str | None, datetime.datetime])
    for row in ((None, at), ("a\0", NO_TIME), ("", at)):
        assert codec.decode(codec.encode(row)) == row
    assert Codec(datetime.datetime).encode(NO_TIME) == bytes(8)
    assert Codec(tuple[str | None]).encode(("a",)).hex() == "01610000"
    with pytest.raises(ValueError, match="time zone"):
        codec.encode((None, datetime.datetime(2024, 5, 1)))


def test_no_time_and_no_value_in_the_result() -> None:
    from mrctl import _result

    schema = pa.schema(Codec(tuple[str | None, datetime.datetime | None]).fields)
    out = _result.batch([[None, None], ["a", NO_TIME]], schema)
    assert out[0].to_pylist() == [None, "a"] and out[1].cast(pa.int64()).to_pylist() == [None, -(2**63)]


def test_wrong_records() -> None:
    @dataclasses.dataclass
    class Other:
        n: int = 7

    @dataclasses.dataclass
    class Nothing:
        pass

    def rows(row: Other) -> Iterator[tuple[int, int]]:
        yield 1, row.n

    for wrong in (Other, Nothing, int, tuple[int, int]):
        with pytest.raises(TypeError):
            Records(wrong)
    with pytest.raises(TypeError, match="Other.n"):
        Job("wrong", map=rows)
