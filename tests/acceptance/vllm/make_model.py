"""Make the untrained tiny model: GptOssForCausalLM in bfloat16 with the tokenizer of gpt-oss, in the Hub's file layout.

usage: make_model.py FOLDER

Everything comes from the installed packages: the vocabulary is read out of oss-harmony, which carries it, and is
written as the rank file that the tokenizer is converted from. Real gpt-oss weights are mxfp4; a CPU has no kernel for
it unless it has AMX, hence bfloat16 without quantization.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import tempfile
from pathlib import Path

import torch
from openai_harmony import HarmonyEncodingName, load_harmony_encoding
from transformers import GenerationConfig, GptOssConfig, GptOssForCausalLM, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

# The published o200k_base.tiktoken: what is rebuilt here must be that file, byte for byte.
RANKS = 199_998
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

VOCABULARY = 201_088
START_OF_TEXT, END_OF_TEXT, RETURN, CALL = 199_998, 199_999, 200_002, 200_012
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

# How o200k splits text before the byte-pair merges (tiktoken_ext/openai_public.py in tiktoken).
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
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

# vLLM renders gpt-oss prompts with its own Harmony code; the template is there because a model folder has one.
CHAT_TEMPLATE = (
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort or 'medium' }}<|end|>"
    "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


def ranks() -> bytes:
    """The rank file: one line a token, its bytes in base64 and its number."""
    encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
    tokens = (bytes(encoding._inner.decode_bytes([token])) for token in range(RANKS))
    text = b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))
    found = hashlib.sha256(text).hexdigest()
    if found != RANKS_SHA256:
        sys.exit(f"oss-harmony's vocabulary has sha256 {found}, wanted {RANKS_SHA256}: another version is installed.")
    return text


def tokenizer() -> PreTrainedTokenizerFast:
    special = [NAMED.get(token, f"<|reserved_{token}|>") for token in range(START_OF_TEXT, VOCABULARY)]
    with tempfile.NamedTemporaryFile(suffix=".tiktoken") as file:
        file.write(ranks())
        file.flush()
        converter = TikTokenConverter(vocab_file=file.name, pattern=SPLIT, extra_special_tokens=special)
        converted = converter.converted()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=converted,
        bos_token=NAMED[START_OF_TEXT],
        eos_token=NAMED[RETURN],
        pad_token=NAMED[END_OF_TEXT],
        model_max_length=131_072,
    )
    fast.chat_template = CHAT_TEMPLATE
    wrong = {name for token, name in NAMED.items() if fast.convert_tokens_to_ids(name) != token}
    if wrong:
        sys.exit(f"The converted tokenizer numbers these otherwise than gpt-oss does: {', '.join(sorted(wrong))}")
    return fast


def model() -> GptOssForCausalLM:
    """Two layers, one of each kind that gpt-oss has, of a size that vLLM's CPU kernels were seen to take."""
    config = GptOssConfig(
        num_hidden_layers=2,
        layer_types=["sliding_attention", "full_attention"],
        hidden_size=64,
        intermediate_size=64,
        head_dim=64,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        num_experts_per_tok=2,
        vocab_size=VOCABULARY,
        sliding_window=128,
        max_position_embeddings=131_072,
        initial_context_length=4096,
        swiglu_limit=7.0,
        tie_word_embeddings=False,
        eos_token_id=RETURN,
        pad_token_id=END_OF_TEXT,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    made = GptOssForCausalLM(config).to(torch.bfloat16)
    made.generation_config = GenerationConfig(
        bos_token_id=START_OF_TEXT, pad_token_id=END_OF_TEXT, do_sample=True, eos_token_id=[RETURN, END_OF_TEXT, CALL]
    )
    return made


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer().save_pretrained(folder)
    model().save_pretrained(folder)


if __name__ == "__main__":
    main()
