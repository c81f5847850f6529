"""What recipes.yml says of vLLM's versions, compared with their sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._kernel_proof import _LOADING
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import resolve
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import Version, alive
from ansible_collections.gpt_oss.fleet.tests.unit.plugins.plugin_utils.recipe_examples import (
    B120,
    CATALOGUE,
    DATA,
    on,
    server,
)
from wheels import VERSIONS, could_print, sources

B200 = on()
MODES = ("bf16", "mxfp8")
_MXFP4 = ("model_executor/layers/quantization/mxfp4.py", "model_executor/layers/fused_moe/oracle/mxfp4.py")
_ATTENTION = ("utils/flashinfer.py", "platforms/cuda.py", "v1/attention/backends/flash_attn.py")
_RUNNER = ("v1/worker/gpu_model_runner.py", "v1/worker/gpu/model_runner.py")
# Where the names that are put into a line come from.
_NAMES = ("attention/backends/registry.py", "v1/attention/backends/registry.py", *_MXFP4)
_FILES = {"moe": _MXFP4, "attention": _ATTENTION}


def parsed(version: str) -> Version:
    found = Version.parse(version)
    assert found is not None
    return found


def described(version: str, mode: str, **options: Any) -> dict[str, Any]:
    return resolve([server(vllm_version=version, moe_activation=mode, **options)], CATALOGUE, B200)[0]


def test_each_range_has_a_version() -> None:
    recipe = CATALOGUE.recipes["current"]
    rows = [*recipe["ranges"], recipe["drain"], *CATALOGUE.kernel_proofs]
    borders = sorted({parsed(str(row[key])).release for row in rows for key in ("since", "before") if key in row})
    for first, last in zip(borders, [*borders[1:], (99,)]):
        assert any(first <= parsed(version).release < last for version in VERSIONS), (first, last)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", VERSIONS)
def test_emitted_variables_exist_and_are_read(version: str, mode: str) -> None:
    for variable in described(version, mode)["environment"]:
        assert variable in sources(version).variables
        assert sources(version).reads(variable)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("profile", sorted(CATALOGUE.profiles))
@pytest.mark.parametrize("version", VERSIONS)
def test_emitted_flags_exist(version: str, profile: str, mode: str) -> None:
    options = {"data_parallel_size": 1, "max_num_seqs": 8, "max_model_len": 8, "gpu_memory_utilization": 0.5}
    line = described(version, mode, profile=profile, model=B120, served_model_name="x", **options)["arguments"]
    flags = [word for word in line if word.startswith("--")]
    assert "--max-model-len" in flags
    for flag in flags:
        base = flag.partition(".")[0].replace("_", "-")
        assert base in sources(version).flags or _negated(base, version), flag


def _negated(flag: str, version: str) -> bool:
    """Tell whether a flag is the "--no-" of a known one; vLLM gives both for options that are true or false."""
    both = "BooleanOptionalAction" in sources(version).text("engine/arg_utils.py")
    return both and flag.startswith("--no-") and flag.replace("--no-", "--", 1) in sources(version).flags


@pytest.mark.parametrize("version", [version for version in VERSIONS if parsed(version).release >= (0, 22, 1)])
def test_the_flags_of_mxfp8_reach_the_choice_of_kernels(version: str) -> None:
    line = described(version, "mxfp8")["arguments"]
    assert line[line.index("--moe-backend") + 1] == "flashinfer_trtllm"
    assert "flashinfer_trtllm" in list(sources(version).strings("config/kernel.py"))
    assert line[line.index("--quantization_config.moe.activation") + 1] == "mxfp8"
    assert "moe" in sources(version).fields("config/quantization.py", "QuantizationConfigArgs")
    assert "activation" in sources(version).text("config/quantization.py")
    assert "mxfp8" in list(sources(version).strings("config/quantization.py"))
    assert "args.moe.activation" in sources(version).text(_MXFP4[1])


@pytest.mark.parametrize("variable", sorted(CATALOGUE.environment_lifetimes))
@pytest.mark.parametrize("version", VERSIONS)
def test_variables_live_as_long_as_is_said(version: str, variable: str) -> None:
    lifetime = CATALOGUE.environment_lifetimes[variable]
    assert alive(parsed(version), lifetime) == (variable in sources(version).variables)


@pytest.mark.parametrize("flag", sorted(CATALOGUE.argument_lifetimes))
@pytest.mark.parametrize("version", VERSIONS)
def test_flags_live_as_long_as_is_said(version: str, flag: str) -> None:
    assert alive(parsed(version), CATALOGUE.argument_lifetimes[flag]) == (flag in sources(version).flags)


@pytest.mark.parametrize("lifetimes", ["vllm_environment_lifetimes", "vllm_argument_lifetimes"])
def test_the_versions_lie_on_both_sides_of_each_limit(lifetimes: str) -> None:
    """Else a lifetime could be wrong unseen. Limits before the oldest wheel cannot be seen."""
    for name, lifetime in DATA[lifetimes].items():
        for key in {"since", "before"} & set(lifetime):
            limit = parsed(lifetime[key]).release
            assert any(parsed(version).release >= limit for version in VERSIONS), (name, key)
            assert limit <= (0, 10, 1) or any(parsed(version).release < limit for version in VERSIONS), (name, key)


def _rows() -> Iterator[tuple[str, str, int]]:
    for version in VERSIONS:
        for number, row in enumerate(CATALOGUE.kernel_proofs):
            if alive(parsed(version), row):
                yield from ((version, mode, number) for mode in row["activations"])


@pytest.mark.parametrize(("version", "mode", "number"), list(_rows()))
def test_lines_of_the_log_are_in_the_sources(version: str, mode: str, number: int) -> None:
    row = CATALOGUE.kernel_proofs[number]
    lines = row["activations"][mode]
    for line in [*lines.get("proves", []), *lines.get("contradicts", {})]:
        assert _printed(line, version, _FILES[row["subject"]]), line
    if lines.get("by_exclusion"):
        for line in _LOADING:
            assert _printed(f"{line}*", version, _RUNNER), line


def _printed(line: str, version: str, files: tuple[str, ...]) -> bool:
    """Tell whether a version could print a line: from a text of its files, filled with names that it has."""
    names = "".join(sources(version).text(name) for name in _NAMES)
    for file in files:
        for text in sources(version).strings(file):
            values = could_print(text, line)
            if values is not None and len(text) > 1 and all(value == "*" or value in names for value in values):
                return True
    return False


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_proven_by_exclusion_is_printed_by_no_line(version: str) -> None:
    """A version that names the mode after all would have a better proof."""
    proof = described(version, "mxfp8")["kernel_proof"]["subjects"][0]
    own = "Using FlashInfer MXFP4 MXFP8 TRTLLM backend for SM100*"
    assert proof["by_exclusion"] == (parsed(version).release < (0, 19) and not _printed(own, version, _MXFP4))


@pytest.mark.parametrize("version", VERSIONS)
def test_b300_is_among_the_gpus_of_these_kernels_where_it_is_said_to_be(version: str) -> None:
    """The first check asks for one capability, the second for its family; the versions with an oracle ask elsewhere."""
    if parsed(version).release >= (0, 19):
        return
    text = sources(version).text(_MXFP4[0])
    assert alive(parsed(version), CATALOGUE.gpu_families["sm103"]) == ("is_device_capability_family(100)" in text)


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_variables_are_told_of_where_the_log_can_be_asked(version: str) -> None:
    line = "Unknown vLLM environment variable detected: *"
    assert _printed(line, version, ("envs.py", "platforms/interface.py")) == (parsed(version).release >= (0, 17))
