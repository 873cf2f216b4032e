"""Jobs for mrctl in Python: `Job(name, map=..., reduce=..., combine=...).main()` is a whole program."""

from ._job import BadRecord, Counter, Job

__all__ = ["BadRecord", "Counter", "Job"]
