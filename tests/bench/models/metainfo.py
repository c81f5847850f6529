"""Make a metainfo file without pad files, which aria2 does not know. usage: metainfo.py CONTENT TARGET"""

from __future__ import annotations

import sys
from pathlib import Path

import libtorrent

content, target = Path(sys.argv[1]), Path(sys.argv[2])
files = [
    libtorrent.create_file_entry(f"{content.name}/{path.relative_to(content)}", path.stat().st_size)
    for path in sorted(content.rglob("*"))
]
made = libtorrent.create_torrent(files, 1 << 17, libtorrent.create_torrent.v1_only)
libtorrent.set_piece_hashes(made, str(content.parent))
target.write_bytes(libtorrent.bencode(made.generate()))
