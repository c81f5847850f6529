"""Make a model with gpt-oss-20b's layers, four of them, whose weights of chance have the spread that trained ones have.

usage: make_weights.py MODEL FOLDER     MODEL: gpt-oss-20b's configuration and tokenizer, as make_model.py makes them
       make_weights.py --spoken MODEL FOLDER     all layers (13.8 GB); replies begin as gpt-oss's do, and end by chance
       make_weights.py --spoil FILE COPY     a copy in which one byte in fifty of one layer's experts is another one

vLLM's dummy weights are so small that each token is as likely as any other, and a fingerprint of them proves nothing.
With these, each layer adds about as much as what comes in, and the logits have a standard deviation of 3, so that the
log-probabilities tell what each layer computes. The names and shapes are those of the published checkpoint: experts in
mxfp4 (two numbers a byte, one exponent for 32 numbers), all else in bfloat16. Wanted: numpy. 4 GB are written.

Where such a reply is read as Harmony's, it is a head that never ends, and the parser takes twenty times as long as for
a text. A server spends most of its time on that, and its speed tells nothing of whoever asks it: hence --spoken. And
where all replies are as long they come in waves, between which the GPU waits: hence their ends.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from architecture import REPLY_HEAD, RETURN, START_OF_TEXT

LAYERS, SEED, FILE = 4, 20250805, "model.safetensors"
SPOILT_LAYER, SPOILT_SHARE = 1, 0.02
# The standard deviation of e2m1's sixteen numbers (0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives), each as likely, and
# the exponents' bias (OCP Microscaling Formats 1.0, 5.3.3 and 5.4.1).
_E2M1_DEVIATION, _E8M0_BIAS = 2.93, 127
# Numbers that share an exponent, and bytes that hold them.
_BLOCK, _BLOCK_BYTES = 32, 16
_CHUNK = 1 << 24
# What makes a head certain, in units of a token's own numbers, whose deviation is 1: a token of the head outweighs what
# the layers add to it; its successor's logit is so much above the others', which have a deviation of 3; and the number
# that all tokens have in their first place, by which logits of special tokens are pushed down.
_HEAD_SCALE, _HEAD_LOGIT, _COMMON, _PUSH = 30.0, 40.0, 200.0, -1.0
# By it, too, the end of a reply gets its logit. After 24 layers the first place of what is scaled is 26.5, with a
# deviation of 0.8 from token to token, and the sum over all tokens is e to the 16.7: one token in 468 is the end, and
# after nine tokens of ten one in 300 to 820. Computed with transformers 5.19, layer by layer.
_END = 0.394


@dataclass(frozen=True)
class Tensor:
    """A tensor: its shape, and what its numbers are drawn from.

    `deviation` is that of normal numbers in bfloat16, around `mean`; None: bytes of chance; `constant`: that byte
    throughout.
    """

    name: str
    shape: tuple[int, ...]
    deviation: float | None = None
    mean: float = 0.0
    constant: int | None = None

    @property
    def is_bytes(self) -> bool:
        """Whether the numbers are bytes, not bfloat16."""
        return self.deviation is None

    @property
    def size(self) -> int:
        """The bytes in the file."""
        return math.prod(self.shape) * (1 if self.is_bytes else 2)


def tensors(config: dict[str, Any]) -> Iterator[Tensor]:
    """Yield the tensors of a checkpoint with this configuration, in their order in the file."""
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    yield Tensor("model.embed_tokens.weight", (vocabulary, hidden), 1.0)
    for layer in range(config["num_hidden_layers"]):
        yield from _attention(f"model.layers.{layer}.", config)
        yield from _experts(f"model.layers.{layer}.", config)
    yield Tensor("model.norm.weight", (hidden,), 0.0, 1.0)
    yield Tensor("lm_head.weight", (vocabulary, hidden), 3 / math.sqrt(hidden))


def _attention(layer: str, config: dict[str, Any]) -> Iterator[Tensor]:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    inner, outer = heads * config["head_dim"], config["num_key_value_heads"] * config["head_dim"]
    yield Tensor(f"{layer}input_layernorm.weight", (hidden,), 0.0, 1.0)
    yield Tensor(f"{layer}post_attention_layernorm.weight", (hidden,), 0.0, 1.0)
    for name, shape in (("q", (inner, hidden)), ("k", (outer, hidden)), ("v", (outer, hidden)), ("o", (hidden, inner))):
        yield Tensor(f"{layer}self_attn.{name}_proj.weight", shape, 1 / math.sqrt(shape[1]))
        yield Tensor(f"{layer}self_attn.{name}_proj.bias", shape[:1], 0.02)
    yield Tensor(f"{layer}self_attn.sinks", (heads,), 1.0)


def _experts(layer: str, config: dict[str, Any]) -> Iterator[Tensor]:
    hidden, inner, experts = config["hidden_size"], config["intermediate_size"], config["num_local_experts"]
    yield Tensor(f"{layer}mlp.router.weight", (experts, hidden), 2 / math.sqrt(hidden))
    yield Tensor(f"{layer}mlp.router.bias", (experts,), 0.02)
    for name, rows, columns in (("gate_up_proj", 2 * inner, hidden), ("down_proj", hidden, inner)):
        exponent = round(math.log2(1 / math.sqrt(columns) / _E2M1_DEVIATION)) + _E8M0_BIAS
        blocks = columns // _BLOCK
        yield Tensor(f"{layer}mlp.experts.{name}_blocks", (experts, rows, blocks, _BLOCK_BYTES))
        yield Tensor(f"{layer}mlp.experts.{name}_scales", (experts, rows, blocks), constant=exponent)
        yield Tensor(f"{layer}mlp.experts.{name}_bias", (experts, rows), 0.02)


def header(wanted: list[Tensor]) -> bytes:
    """Return the head of a safetensors file: its length, and where each tensor lies."""
    told, end = {}, 0
    for tensor in wanted:
        kind = "U8" if tensor.is_bytes else "BF16"
        told[tensor.name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": [end, end + tensor.size]}
        end += tensor.size
    text = json.dumps({"__metadata__": {"format": "pt"}, **told}).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def draw(tensor: Tensor, seed: int) -> Iterator[bytes]:
    """Yield a tensor's numbers in portions; the same for the same seed."""
    random = numpy.random.default_rng(seed)
    left = math.prod(tensor.shape)
    while left:
        count = min(left, _CHUNK)
        left -= count
        if tensor.constant is not None:
            yield bytes([tensor.constant]) * count
        elif tensor.deviation is None:
            yield random.bytes(count)
        else:
            numbers = random.standard_normal(count, dtype=numpy.float32) * tensor.deviation + tensor.mean
            yield _halves(numbers).tobytes()


def write(path: Path, wanted: list[Tensor]) -> None:
    """Write the file, a tensor for each of the machine's processors at a time."""
    head = header(wanted)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + sum(tensor.size for tensor in wanted))

    def fill(number: int) -> None:
        with path.open("r+b") as file:
            file.seek(len(head) + sum(tensor.size for tensor in wanted[:number]))
            for portion in draw(wanted[number], SEED + number):
                file.write(portion)

    with ThreadPoolExecutor() as pool:
        list(pool.map(fill, range(len(wanted))))


def begin_replies(
    path: Path, head: Sequence[int] = REPLY_HEAD, special: int = START_OF_TEXT, end: int = RETURN
) -> None:
    """Change a file so that each token of `head` follows the one before, and `end` comes now and then.

    Else no token from `special` on ever comes. A reply is asked for by a prompt that ends with the first of the head.
    """
    embedded, told = _matrix(path, "model.embed_tokens.weight"), _matrix(path, "lm_head.weight")
    told[special:] = 0
    told[special:, 0] = _halves(numpy.float32(_PUSH))
    told[end, 0] = _halves(numpy.float32(_END))
    for token, follower in zip(head, head[1:]):
        own = _floats(embedded[token])
        own[0] = 0
        embedded[token] = _halves(_HEAD_SCALE * own)
        # What a layer's end is scaled to has the length sqrt(hidden).
        towards = own / numpy.linalg.norm(own) * _HEAD_LOGIT / math.sqrt(len(own))
        told[follower] = _halves(_floats(told[follower]) + towards)
    embedded[:, 0] = _halves(numpy.float32(_COMMON))
    embedded.flush()
    told.flush()


def _matrix(path: Path, name: str) -> numpy.memmap[Any, Any]:
    """Return a matrix of bfloat16 as it lies in the file: the upper halves of its numbers."""
    length, told = _told(path)
    row = told[name]
    return numpy.memmap(path, numpy.uint16, "r+", 8 + length + row["data_offsets"][0], tuple(row["shape"]))


def _told(path: Path) -> tuple[int, dict[str, Any]]:
    """Return the length of a file's head, and what it says."""
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return length, json.loads(file.read(length))


def _floats(halves: Any) -> Any:
    return (numpy.asarray(halves).astype(numpy.uint32) << 16).view(numpy.float32)


def _halves(numbers: Any) -> Any:
    return (numpy.asarray(numbers, numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)


def spoil(path: Path, copy: Path) -> int:
    """Copy a file with other bytes in one layer's experts, as damaged memory would have; return how many differ."""
    shutil.copyfile(path, copy)
    random, changed = numpy.random.default_rng(SEED), 0
    length, told = _told(path)
    for name, row in told.items():
        if name.startswith(f"model.layers.{SPOILT_LAYER}.") and name.endswith("_blocks"):
            begin, end = row["data_offsets"]
            numbers = numpy.memmap(copy, numpy.uint8, "r+", 8 + length + begin, (end - begin,))
            places = random.integers(0, len(numbers), int(len(numbers) * SPOILT_SHARE))
            numbers[places] ^= random.integers(1, 256, len(places), dtype=numpy.uint8)
            numbers.flush()
            changed += len(places)
    return changed


def main(model: Path, folder: Path, layers: int | None = LAYERS) -> None:
    """Make the folder, with so many of the model's layers; None: all."""
    folder.mkdir(parents=True)
    for path in model.iterdir():
        if path.name != "config.json":
            shutil.copyfile(path, folder / path.name)
    config = json.loads((model / "config.json").read_text())
    kept = config["layer_types"][:layers]
    config |= {"num_hidden_layers": len(kept), "layer_types": kept}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    write(folder / FILE, list(tensors(config)))


if __name__ == "__main__":
    if sys.argv[1] == "--spoil":
        print(spoil(Path(sys.argv[2]), Path(sys.argv[3])), "bytes are others")
    elif sys.argv[1] == "--spoken":
        main(Path(sys.argv[2]), Path(sys.argv[3]), layers=None)
        begin_replies(Path(sys.argv[3]) / FILE)
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
