"""Jobs for mrctl in Python: `Job(name, map=..., reduce=..., combine=...).main()` is a whole program."""

from ._attempts import Counter
from ._job import Job
from ._maps import BadRecord
from ._outputs import Output

__all__ = ["BadRecord", "Counter", "Job", "Output"]
