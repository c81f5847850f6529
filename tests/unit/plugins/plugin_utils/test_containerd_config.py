from __future__ import annotations

import pytest
import tomllib
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._containerd_config import with_root

SHIPPED = """\
#   Licensed under the Apache License

disabled_plugins = ["cri"]

#root = "/var/lib/containerd"
#state = "/run/containerd"

#[grpc]
#  address = "/run/containerd/containerd.sock"
"""
DEBIANS = """\
version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    root = "not this one"
"""


@pytest.mark.parametrize("text", ["", SHIPPED, DEBIANS, 'root = "/old"\nstate = "/s"\n', "state = '/s'"])
def test_the_root_is_set_and_nothing_else(text: str) -> None:
    before, after = tomllib.loads(text), tomllib.loads(with_root(text, "/data/containerd"))
    assert after.pop("root") == "/data/containerd"
    before.pop("root", None)
    assert after == (before or after)
    assert with_root(with_root(text, "/data/containerd"), "/data/containerd") == with_root(text, "/data/containerd")


def test_lines_stay_where_they_are() -> None:
    changed = [line for line in with_root(SHIPPED, "/c").splitlines() if line not in SHIPPED.splitlines()]
    assert changed == ['root = "/c"']
    assert with_root("", "/c") == 'version = 2\nroot = "/c"\n'
    assert with_root(DEBIANS, "/c").startswith('version = 2\nroot = "/c"\n')
