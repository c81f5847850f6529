"""The configurations of gpt-oss-20b and gpt-oss-120b, as the Hub has them."""

from __future__ import annotations

from typing import Any

# Layers and experts, in which alone the two differ.
SIZES = {"gpt-oss-20b": (24, 32), "gpt-oss-120b": (36, 128)}
START_OF_TEXT, END_OF_TEXT, RETURN = 199_998, 199_999, 200_002
# assistant, with which a prompt ends, and how a reply begins: <|channel|>, analysis, <|message|>.
REPLY_HEAD = (173_781, 200_005, 35_644, 200_008)
VOCABULARY = 201_088


def config(layers: int, experts: int) -> dict[str, Any]:
    """Return config.json."""
    return {
        "architectures": ["GptOssForCausalLM"],
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": RETURN,
        "experts_per_token": 4,
        "head_dim": 64,
        "hidden_act": "silu",
        "hidden_size": 2880,
        "initial_context_length": 4096,
        "initializer_range": 0.02,
        "intermediate_size": 2880,
        "layer_types": ["full_attention" if layer % 2 else "sliding_attention" for layer in range(layers)],
        "max_position_embeddings": 131_072,
        "model_type": "gpt_oss",
        "num_attention_heads": 64,
        "num_experts_per_tok": 4,
        "num_hidden_layers": layers,
        "num_key_value_heads": 8,
        "num_local_experts": experts,
        "output_router_logits": False,
        "pad_token_id": END_OF_TEXT,
        "quantization_config": {
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
            "quant_method": "mxfp4",
        },
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "factor": 32.0,
            "original_max_position_embeddings": 4096,
            "rope_type": "yarn",
            "truncate": False,
        },
        "rope_theta": 150_000,
        "router_aux_loss_coef": 0.9,
        "sliding_window": 128,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "transformers_version": "4.55.0.dev0",
        "use_cache": True,
        "vocab_size": VOCABULARY,
    }
