# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: support index - what hosts' support bundles hold, as a table and as a page that opens from disk. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._text import shortened

Host = Mapping[str, Any]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    ":root{color-scheme:light dark}code{overflow-wrap:anywhere}li{margin:.1rem 0}"
)
# The page needs no script, and asks the network for nothing.
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
_NOTE = (
    "Secrets are masked by their names, their shapes, and where they are known by themselves. Look before you pass a "
    "bundle on: no filter knows what is confidential to you."
)


def index_table(hosts: Sequence[Host]) -> list[str]:
    """Return a line for each host: `host`, and `archive`, `size`, `files`, `missing`, or the `problem`."""
    width = max((len(shortened(host["host"], 32)) for host in hosts), default=0)
    return [f"{shortened(host['host'], 32).ljust(width)}  {_line(host)}" for host in hosts]


def index_page(hosts: Sequence[Host], created: str) -> str:
    """Return the page; the archives lie beside it."""
    parts = "\n".join(_section(host) for host in hosts)
    whence = f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Support bundle</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>\n'
        "<h1>Support bundle</h1>\n"
        f"<p>Collected {escape(created)} from {whence}. {_NOTE}</p>\n{parts}\n</body></html>\n"
    )


def _line(host: Host) -> str:
    if host["problem"]:
        return f"NOTHING: {' '.join(host['problem'].split())}"
    return f"{_size(host['size'])}, {len(host['files'])} files, {len(host['missing'])} parts missing: {host['archive']}"


def _section(host: Host) -> str:
    title = f"<h2>{escape(host['host'])}</h2>"
    if host["problem"]:
        return f"{title}\n<p><strong>Nothing was collected:</strong> {escape(host['problem'])}</p>"
    archive = escape(host["archive"])
    # From here, whatever the host is called: not an address of its own.
    address = f"./{quote(host['archive'])}"
    files = "".join(f"<li><code>{escape(file['path'])}</code> {_size(file['bytes'])}</li>" for file in host["files"])
    missing = "".join(
        f"<li><code>{escape(part['part'])}</code>: {escape(part['reason'])}</li>" for part in host["missing"]
    )
    gone = f"<h3>Not there</h3><ul>{missing}</ul>" if missing else ""
    return f'{title}\n<p><a href="{address}">{archive}</a> {_size(host["size"])}</p><ul>{files}</ul>{gone}'


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
