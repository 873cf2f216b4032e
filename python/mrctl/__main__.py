"""`python -m mrctl pack JOB.py -o FILE`: one executable file of a job and this package, for `mrctl run`."""

import argparse
import pathlib
import shutil
import sys
import tempfile
import zipapp


def pack(source: pathlib.Path, target: pathlib.Path) -> None:
    """Writes target: a zipapp that this Python runs. Other packages of the job have to be installed for it."""
    with tempfile.TemporaryDirectory() as tmp:
        root = pathlib.Path(tmp)
        package = pathlib.Path(__file__).parent
        shutil.copytree(package, root / "mrctl", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(source, root / "__main__.py")
        zipapp.create_archive(root, target, interpreter=sys.executable, compressed=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mrctl")
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("pack", help="make one executable file of a job", epilog="python -m mrctl pack wordcount.py -o wordcount")
    verb.add_argument("job", type=pathlib.Path)
    verb.add_argument("-o", dest="target", type=pathlib.Path, required=True)
    args = parser.parse_args()
    if not args.job.is_file():
        parser.error(f"{args.job}: there is no such file")
    pack(args.job, args.target)


if __name__ == "__main__":
    main()
