# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No playbook lets a secret out, in no mode: what is written, printed, returned, cached and inspected is searched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import MODEL
from hub_harness import REPO, Hub
from secrets_site import Site, failed


@pytest.fixture
def site(
    tmp_path: Path,
    prefix: str,
    free_port: Callable[[], int],
    simulator_image: str,
    environment: Path,
    engine: docker.APIClient,
    hub: Hub,
) -> Iterator[Site]:
    made = Site(tmp_path, f"{prefix}-server", free_port(), simulator_image, environment, hub, engine)
    hub.settings.update(tokens=[made.canaries["token"].value], token_required=True)
    yield made


def test_a_deployment_and_a_support_bundle_tell_no_secret(site: Site) -> None:
    for playbook in ("serve", "support_bundle"):
        done = site.play(playbook)
        assert done.returncode == 0, failed(done)
    assert site.leaks() == []
    assert [name for name in site.canaries if not site.told(name)] == []


BUNDLE = {
    "bundle_pythons": [f"{sys.version_info.major}.{sys.version_info.minor}"], "bundle_requirements": "idna==3.20\n",
    "bundle_requirements_optional": "", "bundle_vocabulary": [], "bundle_data": {},
}  # fmt: skip
# By playbook: options and variables.
WHOLE: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("deploy", ("--check",), {}),
    ("deploy", (), {}),
    ("deploy", ("--check",), {"vllm_guard": False}),
    ("smoke", (), {}),
    ("status", (), {}),
    ("fingerprint", (), {}),
    ("evaluate", (), {}),
    ("eval_status", (), {}),
    ("collect_env", (), {}),
    ("support_bundle", (), {}),
    ("rollout", ("--check",), {}),
    ("models", (), {}),
    ("prune_models", (), {}),
    ("bundle", (), BUNDLE),
    ("teardown", (), {"teardown_purge": True, "hf_cache_environment_path": "/nonexistent"}),
]


@pytest.mark.slow
def test_no_playbook_tells_a_secret(site: Site) -> None:
    for playbook, options, variables in WHOLE:
        if playbook == "bundle":
            model = {"repo_id": REPO, "endpoint": site.hub.endpoint, "token_file": str(site.root / "token")}
            variables = {
                **variables, "bundle_models": [model], "bundle_path": str(site.root / "bundle"),
                "bundle_environment_path": str(site.environment), "bundle_archive": str(site.root / "bundle.tar"),
            }  # fmt: skip
        done = site.play(playbook, *options, **variables)
        assert done.returncode == 0, (playbook, options, failed(done))
        assert site.leaks() == [], (playbook, options)
    assert [name for name in site.canaries if not site.told(name)] == []
    assert MODEL == REPO
