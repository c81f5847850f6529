"""Make the folders of gpt-oss-20b and gpt-oss-120b without their weights: real configuration, real vocabulary.

usage: make_model.py FOLDER

vLLM fills in weights of chance (--load-format dummy). The configurations are those of the models on the Hub,
quantization included, so that a server takes the kernels and the memory that it would take with the real weights. The
tokenizer is made as in tests/acceptance/vllm/make_model.py, which needs torch; its vocabulary comes out of oss-harmony
and is written too, as older vLLM reads it from a file. The chat template is a stand-in: vLLM renders gpt-oss by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

from architecture import END_OF_TEXT, RETURN, SIZES, START_OF_TEXT, VOCABULARY, config
from openai_harmony import HarmonyEncodingName, load_harmony_encoding
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

CALL = 200_012
NAMED = {
    START_OF_TEXT: "<|startoftext|>",
    END_OF_TEXT: "<|endoftext|>",
    RETURN: "<|return|>",
    200_003: "<|constrain|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    CALL: "<|call|>",
    200_018: "<|endofprompt|>",
}
# The published o200k_base.tiktoken: what is rebuilt here must be that file, byte for byte.
RANKS, RANKS_SHA256 = 199_998, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
# How o200k splits text before the byte-pair merges (tiktoken_ext/openai_public.py in tiktoken).
_UPPER, _LOWER, _SUFFIX = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
SPLIT = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_SUFFIX}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
CHAT_TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endfor %}<|start|>assistant"
)


def write_vocabulary(path: Path) -> None:
    """Write the rank file: one line a token, its bytes in base64 and its number."""
    encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
    tokens = (bytes(encoding._inner.decode_bytes([token])) for token in range(RANKS))
    text = b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))
    found = hashlib.sha256(text).hexdigest()
    if found != RANKS_SHA256:
        sys.exit(f"oss-harmony's vocabulary has sha256 {found}, wanted {RANKS_SHA256}: another version is installed.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


def write_tokenizer(folder: Path, vocabulary: Path) -> None:
    """Write the tokenizer, and what else a folder holds beside weights and configuration."""
    special = [NAMED.get(token, f"<|reserved_{token}|>") for token in range(START_OF_TEXT, VOCABULARY)]
    converted = TikTokenConverter(vocab_file=str(vocabulary), pattern=SPLIT, extra_special_tokens=special).converted()
    fast = PreTrainedTokenizerFast(tokenizer_object=converted)
    wrong = {name for token, name in NAMED.items() if fast.convert_tokens_to_ids(name) != token}
    if wrong:
        sys.exit(f"The converted tokenizer numbers these otherwise than gpt-oss does: {', '.join(sorted(wrong))}")
    converted.save(str(folder / "tokenizer.json"))
    marks = {"bos_token": NAMED[START_OF_TEXT], "eos_token": NAMED[RETURN], "pad_token": NAMED[END_OF_TEXT]}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 131_072}
    (folder / "tokenizer_config.json").write_text(json.dumps({**marks, **kind}))
    ends = {"bos_token_id": START_OF_TEXT, "pad_token_id": END_OF_TEXT, "eos_token_id": [RETURN, END_OF_TEXT, CALL]}
    (folder / "generation_config.json").write_text(json.dumps({**ends, "do_sample": True}))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def main() -> None:
    target = Path(sys.argv[1])
    vocabulary = target / "vocabulary/o200k_base.tiktoken"
    write_vocabulary(vocabulary)
    for name, size in SIZES.items():
        (target / name).mkdir(parents=True, exist_ok=True)
        (target / name / "config.json").write_text(json.dumps(config(*size), indent=2))
    write_tokenizer(target / "gpt-oss-20b", vocabulary)


if __name__ == "__main__":
    main()
