# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modes of all that a deployment and an eval write, under the widest umask and the narrowest."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from hub_harness import Hub
from secrets_site import Site, failed

pytestmark = pytest.mark.slow
# huggingface_hub's users must all be able to hold its locks.
SHARED_LOCKS = (".lock", ".refs")


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


def modes_below(root: Path) -> dict[str, int]:
    """Return the modes of all files and folders below a folder, links left out."""
    places = (Path(folder, name) for folder, folders, files in os.walk(root) for name in (*folders, *files))
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in places if not path.is_symlink()}


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_is_written_is_closed_to_others(umask: int, site: Site) -> None:
    before = os.umask(umask)
    try:
        for playbook in ("serve", "evaluate", "support_bundle"):
            done = site.play(playbook)
            assert done.returncode == 0, failed(done)
    finally:
        os.umask(before)
    modes = modes_below(site.root / "state")
    open_to_write = {
        path: oct(mode) for path, mode in modes.items() if mode & 0o002 and not path.endswith(SHARED_LOCKS)
    }
    assert open_to_write == {}
    name = site.name
    closed = (f"servers/{name}", f"servers/keys/{name}", f"servers/{name}/accepted.json", f"evaluate/runs/{name}")
    assert {path: oct(modes[path] & 0o077) for path in closed} == dict.fromkeys(closed, "0o0")
    data = [mode for path, mode in modes.items() if path.startswith("evaluate/data/")]
    assert data and set(data) == {0o600}
    # Servers of other users read the models.
    cache = {
        path: mode for path, mode in modes.items() if path.startswith("huggingface/hub/models--") and "blobs" in path
    }
    assert cache and not [path for path, mode in cache.items() if not mode & 0o004]
    assert stat.S_IMODE((site.root / "support").stat().st_mode) == 0o700
