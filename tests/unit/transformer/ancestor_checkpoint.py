"""Checkpoints like those of the ancestor's code, of weights that follow from their names; for tests and goldens."""

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aeolian.formats.protobuf import field, varint
from aeolian.formats.tfrecord import masked_crc
from aeolian.transformer import ancestor

CONFIG = {"debug": False, "max_seq": 24, "num_layer": 2, "embedding_dim": 128, "vocab_size": 391, "dist": False}
DTYPES = {"float32": 1, "int64": 9}


def variables(document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Every variable of the ancestor's decoder, and some of its optimizer and metrics, by its full name."""
    shapes = ancestor._expected(ancestor.config_of(dict(document), "config"), document["vocab_size"])
    shapes |= {"Decoder/embedding/embeddings/.OPTIMIZER_SLOT/optimizer/m": (document["vocab_size"], 4)}
    shapes |= {"custom_metrics/0/total": (), "optimizer/learning_rate": ()}
    made = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        spread = {"emb": 0.2, "embeddings": 0.1, "gamma": 0.3}.get(name.rpartition("/")[2], 0.12)
        offset = 1.0 if name.endswith("gamma") else 0.0
        values = offset + spread * rng.standard_normal(shape)
        made[f"{name}/.ATTRIBUTES/VARIABLE_VALUE"] = np.asarray(values, np.float32)
    made["optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE"] = np.array(1234)
    return made


def write(folder: Path, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, shards: int = 2) -> Path:
    """A folder as the ancestor's `save` leaves it, its variables spread over the data files in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(document))
    contents = [b""] * shards
    entries = {b"": varint(1 << 3) + varint(shards)}
    for number, name in enumerate(sorted(arrays)):
        array, shard = arrays[name], number % shards
        data = array.tobytes()
        shape = b"".join(field(2, varint(1 << 3) + varint(n)) for n in array.shape)
        entries[name.encode()] = (
            b"".join(varint(key << 3) + varint(value) for key, value in [(1, DTYPES[array.dtype.name])])
            + field(2, shape)
            + b"".join(
                varint(key << 3) + varint(value)
                for key, value in [(3, shard), (4, len(contents[shard])), (5, len(data))]
            )
            + varint(6 << 3 | 5)
            + struct.pack("<I", masked_crc(data))
        )
        contents[shard] += data
    (folder / "ckpt.index").write_bytes(_table(entries))
    for shard, content in enumerate(contents):
        (folder / f"ckpt.data-{shard:05d}-of-{shards:05d}").write_bytes(content)
    return folder


def _table(entries: Mapping[bytes, bytes]) -> bytes:
    """A sorted string table of one block, in which no key shares its start with another."""

    def block(pairs: Mapping[bytes, bytes]) -> bytes:
        body, starts = b"", []
        for key in sorted(pairs):
            starts.append(len(body))
            body += varint(0) + varint(len(key)) + varint(len(pairs[key])) + key + pairs[key]
        starts = starts or [0]
        body += struct.pack(f"<{len(starts) + 1}I", *starts, len(starts)) + b"\0"
        return body + struct.pack("<I", masked_crc(body))

    def handle(offset: int, written: bytes) -> bytes:
        return varint(offset) + varint(len(written) - 5)

    data, nothing = block(entries), block({})
    index = block({max(entries): handle(0, data)})
    footer = handle(len(data), nothing) + handle(len(data) + len(nothing), index)
    return data + nothing + index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
