from __future__ import annotations

import make_recipes_doc
import pytest


def test_the_committed_page_is_what_the_data_say() -> None:
    assert make_recipes_doc.PAGE.read_text(encoding="utf-8") == make_recipes_doc.page(), "run tools/make_recipes_doc.py"


@pytest.mark.parametrize(
    "row",
    [
        "| 0.14.1 to before 0.17.0 | `mxfp8` | `VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8=1` | exclusion |",
        "| 0.22.1 and newer | `bf16` | `--shutdown-timeout 60` | `Using 'FLASHINFER_TRTLLM_MXFP4_BF16' Mxfp4 MoE ",
        "| `throughput` | openai/gpt-oss-20b | B200, B300 | `--max-num-batched-tokens 8192 --kv-cache-dtype fp8 ",
    ],
)
def test_rows_of_the_page(row: str) -> None:
    assert f"\n{row}" in make_recipes_doc.page()
