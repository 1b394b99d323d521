"""The messages of open_inference.proto, from its descriptor: `Messages.ModelInferRequest()`, ….

They are in a pool of their own, so that a program may load this beside tritonclient or kserve, whose messages have the
same names.
"""

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_descriptors = descriptor_pb2.FileDescriptorSet.FromString(
    resources.files(__package__).joinpath("open_inference.binpb").read_bytes()
)
POOL = descriptor_pool.DescriptorPool()
for _file in _descriptors.file:
    POOL.Add(_file)


class _Messages:
    """Message classes by name."""

    def __getattr__(self, name: str) -> Any:
        try:
            descriptor = POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")
        except KeyError:
            raise AttributeError(name) from None
        made = message_factory.GetMessageClass(descriptor)
        setattr(self, name, made)
        return made


Messages = _Messages()


def methods() -> list[Any]:
    """The descriptors of the service's methods: `name`, `input_type`, `client_streaming`, …."""
    return list(POOL.FindServiceByName(SERVICE).methods)
