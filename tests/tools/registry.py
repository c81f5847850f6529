"""A container registry of one image, for hosts that reach none.

usage: registry.py make FOLDER IMAGE [NAME:TAG]
                                         lay out an image of this machine's engine, as python:1; on the controller
       registry.py serve FOLDER PORT     serve it on loopback, where engines ask for no certificate; on the host

What is served is the read-only part of https://distribution.github.io/distribution/spec/api/.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def put(folder: Path, source: Path, media_type: str) -> dict[str, Any]:
    """Move a file to its place among the blobs and return its descriptor."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    size = source.stat().st_size
    source.rename(folder / f"sha256:{digest}")
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def make(folder: Path, image: str, name: str = "python:1", keep: bool = False) -> str:
    """Lay out an image, unless it lies there; return its digest. With `keep`, what lay there stays there by digest."""
    repository, _unused, tag = name.rpartition(":")
    inspect = ["docker", "image", "inspect", "--format", "{{ .Id }}", image]
    wanted = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout
    blobs, manifests = folder / "v2" / repository / "blobs", folder / "v2" / repository / "manifests"
    stamp = folder / f"{name.replace('/', '_')}.image"
    if stamp.exists() and stamp.read_text() == wanted:
        print(f"{folder} is up to date")
        return digest_of((manifests / tag).read_bytes())
    for place in (blobs, manifests):
        place.mkdir(parents=True, exist_ok=True)
        for old in [] if keep else list(place.iterdir()):
            old.unlink()
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        saved = Path(temporary, "saved.tar")
        subprocess.run(["docker", "save", "--output", str(saved), image], check=True)
        with tarfile.open(saved) as archive:
            archive.extractall(temporary, filter="data")
        content = json.loads(Path(temporary, "manifest.json").read_text())[0]
        layers = [put(blobs, Path(temporary, name), LAYER) for name in content["Layers"]]
        config = put(blobs, Path(temporary, content["Config"]), CONFIG)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
    for place_name in (tag, digest_of(manifest)):
        (manifests / place_name).write_bytes(manifest)
    stamp.write_text(wanted)
    print(f"Laid out {image} in {folder}")
    return digest_of(manifest)


def digest_of(content: bytes) -> str:
    """Return what a registry calls a content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Handler(SimpleHTTPRequestHandler):
    """Serves files, manifests with their type."""

    def guess_type(self, path: Any) -> str:
        """Return the type that engines want."""
        return MANIFEST if "/manifests/" in str(path) else "application/octet-stream"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Say what is missing as a registry does."""
        detail = {"Tag": getattr(self, "path", "").rpartition("/")[2]}
        error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": detail}
        content = json.dumps({"errors": [error]}).encode()
        self.send_response(code, message)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def server(folder: str, port: int) -> ThreadingHTTPServer:
    """Return a server that listens; port 0 takes a free one."""
    Handler.protocol_version = "HTTP/1.1"
    return ThreadingHTTPServer(("127.0.0.1", port), lambda *args: Handler(*args, directory=folder))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), *sys.argv[3:])
    else:
        server(sys.argv[2], int(sys.argv[3])).serve_forever()
