# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the simulator's container image from this machine's own Python, without a registry.

    python3 image.py --image NAME:TAG [--python PYTHON] [--docker-host ADDRESS] [--check] [--remove]

A label of the image holds a digest of all that went in: a second run finds nothing to do. Prints one JSON object with
changed, action (none, built, would_build, removed, would_remove), image and digest; errors go to stderr, exit code 1.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from builder.engine import Engine, EngineError, Unreachable  # noqa: E402
from builder.root import (  # noqa: E402
    Python,
    RootError,
    compiled_modules,
    find_python,
    libraries_of,
    library_path,
    standard_library,
    usable,
    write_root,
)
from simulator.configuration import Configuration  # noqa: E402

LABEL = "gpt_oss.fleet.simulator.digest"
SOURCES = Path(__file__).resolve().parent


def digest_of(python: Python) -> str:
    """Return a digest of the inputs: the simulator, this program, the interpreter (by version, size and date)."""
    status = Path(python.binary).stat()
    digest = hashlib.sha256(f"{python.binary} {python.version} {status.st_size} {int(status.st_mtime)}".encode())
    for path in sorted([SOURCES / "image.py", *SOURCES.glob("builder/*.py"), *SOURCES.glob("simulator/*.py")]):
        digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def build(engine: Engine, image: str, python: Python, digest: str) -> None:
    """Collect the root and import it under the image's name."""
    files = list(standard_library(python))
    extensions = [path for path in files if path.endswith(".so")]
    broken = set(extensions) - set(usable(extensions))
    files = [path for path in files if path not in broken]
    libraries = libraries_of([python.binary, os.path.realpath("/bin/sh"), *(set(extensions) - broken)])
    compiled = {name: base64.b64decode(code) for name, code in compiled_modules(python, SOURCES).items()}
    changes = [
        'ENTRYPOINT ["vllm", "serve"]',
        "WORKDIR /vllm-workspace",
        "ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/root",
        f"LABEL {LABEL}={digest}",
        'LABEL org.opencontainers.image.title="vLLM simulator of gpt_oss.fleet"',
    ]
    folders = library_path(libraries)
    if folders:
        changes.append(f"ENV LD_LIBRARY_PATH={folders}")
    version = f"{Configuration.version}+simulator"
    engine.load(image, changes, lambda target: write_root(target, python, SOURCES, compiled, files, libraries, version))


def ensure_present(engine: Engine, image: str, python: Python, check: bool) -> dict[str, Any]:
    """Build the image when it is missing or made of something else."""
    digest = digest_of(python)
    result = {"changed": False, "action": "none", "image": image, "digest": digest, "reason": "the image is up to date"}
    try:
        labels = engine.labels(image)
    except Unreachable:
        if not check:
            raise
        labels = None
    if labels is not None and labels.get(LABEL) == digest:
        return result
    result["changed"] = True
    result["reason"] = "there is no such image" if labels is None else "its sources or the Python changed"
    if check:
        return {**result, "action": "would_build"}
    build(engine, image, python, digest)
    engine.remove_dangling(LABEL)
    return {**result, "action": "built"}


def ensure_absent(engine: Engine, image: str, check: bool) -> dict[str, Any]:
    """Remove the image when it is there."""
    if engine.labels(image) is None:
        return {"changed": False, "action": "none", "image": image, "reason": "there is no such image"}
    if check:
        return {"changed": True, "action": "would_remove", "image": image, "reason": "the image exists"}
    if not engine.remove(image):
        raise EngineError(f"the image {image} is used by a container; remove the container first")
    engine.remove_dangling(LABEL)
    return {"changed": True, "action": "removed", "image": image, "reason": "the image existed"}


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the vLLM simulator's image without a registry.")
    parser.add_argument("--image", default="gpt-oss-fleet/vllm-simulator:1")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--docker-host", default=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    parser.add_argument("--check", action="store_true", help="say what would be done, do nothing")
    parser.add_argument("--remove", action="store_true", help="remove the image instead")
    options = parser.parse_args()
    image = options.image if ":" in options.image.rpartition("/")[2] else f"{options.image}:latest"
    try:
        engine = Engine(options.docker_host)
        if options.remove:
            result = ensure_absent(engine, image, options.check)
        else:
            result = ensure_present(engine, image, find_python(options.python), options.check)
    except (EngineError, RootError) as error:
        sys.stderr.write(f"The simulator's image {image}: {error}\n")
        return 1
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
