"""The job's own flags, through mrctl run and in Describe."""

import argparse
import pathlib
from collections.abc import Iterator

import pytest
from mrctl import Job
from mrctl._program import Program
from test_jobs import TEXT, mrctl, packed


def words(line: str) -> Iterator[tuple[str, int]]:
    yield line, 1


def job(**more: object) -> Job:
    parser = argparse.ArgumentParser("words")
    parser.add_argument("-l", "--lower", action="store_true", help="fold letters")
    parser.add_argument("--least", type=int, default=2, **more)  # type: ignore[arg-type]
    return Job("words", map=words, flags=parser)


def test_what_the_worker_is_told() -> None:
    about = Program(ours := job()).describe(["--least=3", "-l"])
    assert [(f.name, f.usage, f.default_value, f.is_bool) for f in about.flags] == [
        ("-lower", "fold letters", "", True),
        ("-least", "", "2", False),
    ]
    assert not about.invalid and ours.flags == argparse.Namespace(lower=True, least=3)


@pytest.mark.parametrize(
    "args, says",
    [
        (["--most"], "unrecognized arguments: --most"),
        (["in.txt"], "unrecognized arguments: in.txt"),
        (["--least", "x"], "--least: invalid int value: 'x'"),
        (["-h"], "help was asked for\nusage: words"),
    ],
)
def test_wrong_flags(args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    about = Program(job()).describe(args)
    assert says in about.invalid and not about.stages
    assert capsys.readouterr() == ("", "")


def test_one_that_is_needed() -> None:
    assert "required: --least" in Program(job(required=True)).describe([]).invalid


def test_no_other_arguments() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    with pytest.raises(TypeError, match="path"):
        Job("words", map=words, flags=parser)


def test_a_job_is_refused_with_the_reason(tmp_path: pathlib.Path) -> None:
    plugin = packed("tests/jobs/sessions.py", tmp_path)
    for args in (["--gap", "long"], ["-lower"]):
        assert args[-1] in mrctl("run", plugin, str(TEXT), "-o", "-", "--", *args, code=2).stderr
    plain = packed("examples/wordcount.py", tmp_path)
    assert "-lower" in mrctl("run", plain, str(TEXT), "-o", "-", "--", "-lower", code=2).stderr


def test_help(tmp_path: pathlib.Path) -> None:
    said = mrctl("run", packed("tests/jobs/sessions.py", tmp_path), "--", "--help").stdout
    assert "--gap" in said and "a longer pause begins a new session" in said and "30" in said
