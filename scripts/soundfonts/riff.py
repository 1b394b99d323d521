"""SoundFont 2 (and SF3) files taken apart and put together: presets, instruments, samples.

The layout is that of the SoundFont Technical Specification 2.04, section 7: nine tables of fixed records, each
zone pointing to a run of generators. SF3 is the same with each sample an Ogg Vorbis stream of its own (sample type
bit 0x10; start and end count bytes, and the loop counts samples from the sample's own start).
"""

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

VORBIS = 0x10
MONO = 1
_INSTRUMENT, _SAMPLE = 41, 53  # the generators that end a zone: which instrument, which sample
_RECORDS = {"phdr": "<20sHHHIII", "pbag": "<HH", "pgen": "<HH", "inst": "<20sH", "ibag": "<HH", "igen": "<HH"}
_SAMPLE_RECORD = "<20sIIIIIBbHH"

Generators = list[tuple[int, int]]


@dataclass
class Sample:
    """One recording: bytes of PCM (int16) or of a Vorbis stream; loop in samples from its start."""

    name: bytes
    content: bytes
    loop: tuple[int, int]
    rate_hz: int
    root: int
    correction_cents: int
    kind: int = MONO


@dataclass
class Instrument:
    """Zones of generators; one that names a sample has its index in `samples` as the last value."""

    name: bytes
    zones: list[Generators] = field(default_factory=list)


@dataclass
class Preset:
    """A program: zones of generators; one that names an instrument has its index as the last value."""

    name: bytes
    program: int
    bank: int
    zones: list[Generators] = field(default_factory=list)


@dataclass
class SoundFont:
    """All of it."""

    presets: list[Preset]
    instruments: list[Instrument]
    samples: list[Sample]


def read(path: Path) -> SoundFont:
    """The soundfont in `path`. Raises ValueError for a file that is none."""
    chunks = _chunks(path.read_bytes())
    tables = {name: list(struct.iter_unpack(form, chunks[name])) for name, form in _RECORDS.items()}
    smpl = chunks["smpl"]
    samples = []
    for name, start, end, loop_start, loop_end, rate, root, cents, _, kind in struct.iter_unpack(
        _SAMPLE_RECORD, chunks["shdr"]
    ):
        if kind & VORBIS:
            samples.append(Sample(name, smpl[start:end], (loop_start, loop_end), rate, root, cents, kind))
        else:
            loop = (loop_start - start, loop_end - start)
            samples.append(Sample(name, smpl[2 * start : 2 * end], loop, rate, root, cents, kind))
    presets = [Preset(row[0], row[1], row[2], zones) for row, zones in _headed(tables, "phdr", "pbag", "pgen", 3)]
    instruments = [Instrument(row[0], zones) for row, zones in _headed(tables, "inst", "ibag", "igen", 1)]
    return SoundFont(presets, instruments, samples[:-1])


def _headed(tables: dict, head: str, bag: str, gen: str, column: int) -> list:
    """Each record of `head` but the last with its zones, lists of generators."""
    rows, bags, gens = tables[head], tables[bag], tables[gen]
    found = []
    for row, following in pairwise(rows):
        first, last = row[column], following[column]
        found.append((row, [list(gens[bags[i][0] : bags[i + 1][0]]) for i in range(first, last)]))
    return found


def _chunks(content: bytes) -> dict[str, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"sfbk":
        raise ValueError("not a soundfont")
    found, at = {}, 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        if name == b"LIST":
            at += 12
            continue
        found[name.decode("latin-1")] = content[at + 8 : at + 8 + size]
        at += 8 + size
        at += size % 2 and content[at : at + 1] == b"\0"  # some writers of SF3 leave the padding out
    return found


def only(font: SoundFont, programs: list[int]) -> SoundFont:
    """The presets of bank 0 with these program numbers, and what they use."""
    presets = [preset for preset in font.presets if preset.bank == 0 and preset.program in programs]
    instruments = _renumber([preset.zones for preset in presets], _INSTRUMENT)
    kept = [font.instruments[i] for i in instruments]
    samples = _renumber([instrument.zones for instrument in kept], _SAMPLE)
    return SoundFont(presets, kept, [font.samples[i] for i in samples])


def _renumber(groups: list[list[Generators]], what: int) -> list[int]:
    """Numbers the things that zones refer to anew, in place, and returns their old numbers in the new order."""
    old: list[int] = []
    for zones in groups:
        for zone in zones:
            for i, (kind, value) in enumerate(zone):
                if kind == what:
                    if value not in old:
                        old.append(value)
                    zone[i] = (kind, old.index(value))
    return old


def write(path: Path, font: SoundFont) -> None:
    """Writes `font`. Its samples may be PCM or Vorbis, all of one kind."""
    smpl, shdr = bytearray(), bytearray()
    for sample in font.samples:
        if sample.kind & VORBIS:
            start, end, loop = len(smpl), len(smpl) + len(sample.content), sample.loop
            smpl += sample.content
        else:
            start, end = len(smpl) // 2, (len(smpl) + len(sample.content)) // 2
            loop = (start + sample.loop[0], start + sample.loop[1])
            smpl += sample.content + bytes(92)  # 46 zeros between samples
        shdr += struct.pack(
            _SAMPLE_RECORD,
            sample.name,
            *(start, end, *loop, sample.rate_hz, sample.root, sample.correction_cents, 0, sample.kind),
        )
    shdr += struct.pack(_SAMPLE_RECORD, b"EOS", *[0] * 9)
    pbag, pgen, starts = _bags([preset.zones for preset in font.presets])
    phdr = b"".join(
        struct.pack(_RECORDS["phdr"], preset.name, preset.program, preset.bank, start, 0, 0, 0)
        for preset, start in zip(font.presets, starts, strict=False)
    ) + struct.pack(_RECORDS["phdr"], b"EOP", 0, 0, starts[-1], 0, 0, 0)
    ibag, igen, starts = _bags([instrument.zones for instrument in font.instruments])
    inst = b"".join(
        struct.pack(_RECORDS["inst"], instrument.name, start)
        for instrument, start in zip(font.instruments, starts, strict=False)
    ) + struct.pack(_RECORDS["inst"], b"EOI", starts[-1])
    mod = bytes(10)
    info = _list(b"INFO", [(b"ifil", struct.pack("<HH", 2, 4)), (b"isng", b"EMU8000\0"), (b"INAM", b"pianos\0\0")])
    sdta = _list(b"sdta", [(b"smpl", bytes(smpl))])
    pdta = _list(
        b"pdta",
        [
            *((b"phdr", phdr), (b"pbag", pbag), (b"pmod", mod), (b"pgen", pgen)),
            *((b"inst", inst), (b"ibag", ibag), (b"imod", mod), (b"igen", igen), (b"shdr", bytes(shdr))),
        ],
    )
    body = b"sfbk" + info + sdta + pdta
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def _bags(groups: list[list[Generators]]) -> tuple[bytes, bytes, list[int]]:
    bags, gens, starts = [], [], [0]
    for zones in groups:
        for zone in zones:
            bags.append((len(gens), 0))
            gens += zone
        starts.append(len(bags))
    bags.append((len(gens), 0))
    gens.append((0, 0))
    packed = [b"".join(struct.pack("<HH", *row) for row in rows) for rows in (bags, gens)]
    return packed[0], packed[1], starts


def _list(name: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = name
    for kind, content in chunks:
        body += kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    return b"LIST" + struct.pack("<I", len(body)) + body


def pcm(sample: Sample) -> np.ndarray:
    """The samples of a PCM sample, int16."""
    return np.frombuffer(sample.content, "<i2")
