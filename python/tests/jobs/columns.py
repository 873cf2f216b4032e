"""A job that maps a batch of records at a time, with pyarrow, and whose values the SDK folds for the reduce too."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from mrctl import Job


def lengths(batch: pa.RecordBatch) -> Iterator[tuple[pa.Array, pa.Array]]:
    n = pc.cast(pc.binary_length(batch["record"]), pa.int64())
    yield n, pa.array([1] * len(n), pa.int64())


if __name__ == "__main__":
    Job("lengths", map_batch=lengths, types=(int, int), combine=lambda a, b: a + b).main()
