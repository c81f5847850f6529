from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._reply_conventions import Conventions, conventions_of

ANY = Conventions()
OLD, BOTH, NEW = ("reasoning_content",), ("reasoning", "reasoning_content"), ("reasoning",)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.10.1", Conventions(OLD)),
        ("0.10.1+gptoss", Conventions(OLD)),
        ("0.10.1+gptoss+simulator", Conventions(OLD)),
        ("0.10.2", Conventions(OLD, responses_counted=True)),
        ("0.11.0.post2", Conventions(OLD, responses_counted=True, incomplete_told=True)),
        ("0.11.1", Conventions(BOTH, responses_counted=True, incomplete_told=True)),
        ("0.15.1", Conventions(BOTH, responses_counted=True, incomplete_told=True)),
        ("v0.16.0", Conventions(NEW, responses_counted=True, incomplete_told=True)),
        ("0.22.1", Conventions(NEW, responses_counted=True, incomplete_told=True)),
        ("0.28.0", Conventions(NEW, True, True, True)),
        ("0.32.0+cpu", Conventions(NEW, True, True, True)),
        ("0.33", Conventions(NEW, True, True, True)),
        ("1.0.0", Conventions(NEW, True, True, True)),
        # The image gptoss, as its log tells it: before 0.10.2, and which field is not for a build to know.
        ("0.10.2.dev2+gf5635d62e.d20250807", Conventions(None)),
        ("0.11.1rc2.dev5+gabc", Conventions(None, responses_counted=True, incomplete_told=True)),
        ("0.1.dev8+gabcdef", ANY),
        ("unknown", ANY),
        ("", ANY),
        (None, ANY),
    ],
)
def test_conventions_of_a_version(version: str | None, expected: Conventions) -> None:
    assert conventions_of(version) == expected
