"""The weights of chance that tests/acceptance/gpu gives gpt-oss-20b's layers."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy
import pytest
from architecture import SIZES, config
from make_weights import FILE, LAYERS, begin_replies, main, spoil, tensors

TINY = {"hidden_size": 64, "intermediate_size": 64, "vocab_size": 500, "num_local_experts": 4}


def read(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def matrix(told: dict[str, Any], content: bytes, name: str) -> Any:
    begin, end = told[name]["data_offsets"]
    halves = numpy.frombuffer(content[begin:end], numpy.uint16).astype(numpy.uint32) << 16
    return halves.view(numpy.float32).reshape(told[name]["shape"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, made = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("made") / "shaped"
    (folder / "config.json").write_text(json.dumps(config(*SIZES["gpt-oss-20b"]) | TINY))
    (folder / "tokenizer.json").write_text("{}")
    main(folder, made)
    return made


def test_each_tensor_lies_where_the_head_says_and_has_its_spread(model: Path) -> None:
    told, content = read(model / FILE)
    assert json.loads((model / "config.json").read_text())["num_hidden_layers"] == LAYERS
    assert (model / "tokenizer.json").exists()
    assert max(row["data_offsets"][1] for name, row in told.items() if name != "__metadata__") == len(content)

    def numbers(name: str) -> Any:
        return matrix(told, content, name)

    assert numbers("lm_head.weight").std() * 8 == pytest.approx(3, rel=0.02)
    assert numbers("model.embed_tokens.weight").std() == pytest.approx(1, rel=0.02)
    assert set(numbers("model.norm.weight")) == {1}
    scale = content[told["model.layers.3.mlp.experts.down_proj_scales"]["data_offsets"][0]]
    # Sixty-four inputs of deviation 1 give an output of deviation 1, to a factor of 2.
    assert 0.7 < 2.93 * 2 ** (scale - 127) * 8 < 1.5


def test_the_published_checkpoint_has_these_names_and_shapes() -> None:
    wanted = list(tensors(config(*SIZES["gpt-oss-20b"])))
    found = {tensor.name: tensor.shape for tensor in wanted}
    # What the published index says: 459 tensors of 13,761,264,768 bytes together.
    assert (len(found), sum(tensor.size for tensor in wanted)) == (459, 13_761_264_768)
    assert found["model.layers.23.mlp.experts.gate_up_proj_blocks"] == (32, 5760, 90, 16)
    assert found["model.layers.23.mlp.experts.down_proj_scales"] == (32, 2880, 90)
    assert found["model.layers.0.self_attn.o_proj.weight"] == (2880, 4096)


def test_a_spoilt_copy_has_other_experts_in_one_layer_alone(model: Path, tmp_path: Path) -> None:
    changed = spoil(model / FILE, tmp_path / "spoilt")
    (told, content), (same, spoilt) = read(model / FILE), read(tmp_path / "spoilt")
    assert told == same
    others = {
        name
        for name, row in told.items()
        if name != "__metadata__" and content[slice(*row["data_offsets"])] != spoilt[slice(*row["data_offsets"])]
    }
    assert others == {f"model.layers.1.mlp.experts.{name}_blocks" for name in ("gate_up_proj", "down_proj")}
    assert 0 < changed < 0.03 * len(content)


def test_a_reply_begins_with_its_head_and_has_no_special_token_but_an_end(model: Path, tmp_path: Path) -> None:
    """With layers that add as much as chance lets them: twenty-four times two normal numbers in each place."""
    copy, head, special, last = tmp_path / FILE, (7, 490, 30, 495), 480, 497
    copy.write_bytes((model / FILE).read_bytes())
    begin_replies(copy, head, special, last)
    told, content = read(copy)
    embedded, rows = matrix(told, content, "model.embed_tokens.weight"), matrix(told, content, "lm_head.weight")
    random, hidden = numpy.random.default_rng(1), TINY["hidden_size"]

    def shares(token: int) -> Any:
        end = embedded[token] + random.standard_normal(hidden) * 48**0.5
        logits = rows @ (end / numpy.sqrt((end**2).mean()))
        return numpy.exp(logits) / numpy.exp(logits).sum()

    for _time in range(50):
        for token, follower in zip(head, head[1:]):
            assert shares(token).argmax() == follower
        free = shares(int(random.integers(100, 400)))
        others = free[special:].sum() - free[last]
        # In so few places there is no more than e to the 3.1 for the end.
        assert others < 1e-4 < free[last] < 1e-2
