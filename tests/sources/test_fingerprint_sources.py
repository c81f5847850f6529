"""What fingerprints rely on, in the sources of each vLLM version: what may be asked, and that no cache answers."""

from __future__ import annotations

import re

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_prompts import PROMPTS
from ansible_collections.gpt_oss.fleet.plugins.module_utils._fingerprint_reply import request_of
from wheels import VERSIONS, sources

_PROTOCOLS = ("entrypoints/openai/completion/protocol.py", "entrypoints/openai/protocol.py")


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_is_asked_is_known(version: str) -> None:
    """Unknown fields would be passed over in silence."""
    known = set().union(*(sources(version).fields(file, "CompletionRequest") for file in _PROTOCOLS))
    asked = set().union(*(request_of(prompt, "m", "salt") for prompt in PROMPTS))
    assert asked <= known


@pytest.mark.parametrize("version", VERSIONS)
def test_who_asks_for_a_text_s_own_log_probabilities_is_not_answered_from_the_cache(version: str) -> None:
    manager = sources(version).text("v1/core/kv_cache_manager.py")
    if "skip_reading_prefix_cache" in manager:
        rule = r"skip_reading_prefix_cache = \(?\s*self\.prompt_logprobs is not None"
        assert re.search(rule, sources(version).text("sampling_params.py"))
    else:
        assert "request.sampling_params.prompt_logprobs is not None" in manager


@pytest.mark.parametrize("version", VERSIONS)
def test_log_probabilities_are_raw_unless_told_otherwise(version: str) -> None:
    """Else temperature and penalties would be in them."""
    texts = (sources(version).text(file) for file in ("config/model.py", "config/__init__.py"))
    rule = r'logprobs_mode: LogprobsMode = ("raw_logprobs"|LogprobsMode\.RAW_LOGPROBS)'
    assert any(re.search(rule, text) for text in texts)
