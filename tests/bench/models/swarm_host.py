"""A host's part in a swarm, as the collection does it; runs in the host.

usage: swarm_host.py hold FOLDER ADDRESS PORT                        (prints the info hash)
       swarm_host.py fetch FOLDER ADDRESS PORT INFO_HASH PEER...     (ends when all is there; shares on)
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, "/collections")

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _swarm_share  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._swarm_daemon import Wish  # noqa: E402

what, folder, address, port, *more = sys.argv[1:]
wish = Wish("".join(more[:1]), tuple(more[1:]), address, int(port))
status = _swarm_share.start(Path(folder), wish)
if what == "hold":
    print(status["info_hash"])
else:
    _swarm_share.follow(Path(folder), lambda status: None)
