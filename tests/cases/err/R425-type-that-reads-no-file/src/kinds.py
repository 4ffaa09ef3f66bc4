"""A kind of values."""

from espnet3_runtime.value_type import ValueType


class Midi(ValueType):
    suffix = ".mid"

    def write(self, value, path):
        path.write_bytes(value)
