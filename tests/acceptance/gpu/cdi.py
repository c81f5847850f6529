"""Write a CDI specification of this machine's GPUs, by hand: device nodes, and the driver's folder as a mount.

usage: cdi.py FILE

For machines without the NVIDIA Container Toolkit, whose `nvidia-ctk cdi generate` writes a better one. The form is that
of the Container Device Interface, version 0.5.0 (https://github.com/cncf-tags/container-device-interface).
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

_SHARED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")


def nodes(paths: list[str]) -> dict[str, Any]:
    """Return what gives a container these device nodes."""
    return {"deviceNodes": [{"path": path} for path in paths if Path(path).exists()]}


def specification(minors: list[int], driver_folder: str) -> dict[str, Any]:
    """Return the specification: a device for each GPU by its index, and one for all of them."""
    own = [f"/dev/nvidia{minor}" for minor in minors]
    devices = [{"name": str(index), "containerEdits": nodes([path])} for index, path in enumerate(own)]
    devices.append({"name": "all", "containerEdits": nodes(own)})
    mount = {"hostPath": driver_folder, "containerPath": driver_folder, "options": ["ro", "nosuid", "nodev", "rbind"]}
    shared = nodes(list(_SHARED)) | ({"mounts": [mount]} if driver_folder else {})
    return {"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": devices, "containerEdits": shared}


def main() -> None:
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    found = [re.search(r"Device Minor:\s*(\d+)", file.read_text()) for file in files]
    if not found:
        return
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    minors = [int(match[1]) for match in found if match]
    target.write_text(json.dumps(specification(minors, os.environ.get("ACCEPTANCE_DRIVER_FOLDER", "")), indent=1))


if __name__ == "__main__":
    main()
