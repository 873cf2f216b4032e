"""Values of several types to one key, as the inputs of a join give them: a byte says which, its encoding follows."""

from typing import Any

import pyarrow as pa

from ._codec import Codec


class Tagged:
    """The values of a reduce that takes several types. It is what Codec is for one."""

    def __init__(self, types: list[Any]):
        if len(types) > 256:
            raise TypeError(f"{len(types)} types of values; 256 are the most")
        self.type = types
        self._codecs = [Codec(t, "value") for t in types]
        self.fields = [pa.field("value", pa.binary(), nullable=False)]

    def encoder(self, t: Any) -> Any:
        """Encodes values of one of the types."""
        which = self.type.index(t)
        tag, codec = bytes([which]), self._codecs[which]
        return lambda v: tag + codec.encode(v)

    def decode(self, b: bytes) -> Any:
        return self._codecs[b[0]].decode(b[1:])
