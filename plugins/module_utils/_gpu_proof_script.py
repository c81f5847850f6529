# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu proof script - uses each GPU for real through libcuda and writes one line of JSON about it.

Run inside a container (python3 -c), or anywhere: python3 _gpu_proof_script.py [seconds]. It needs Python 3.7 or newer,
its standard library, and nothing of this collection. The functions called are those of the CUDA Driver API:
https://docs.nvidia.com/cuda/cuda-driver-api/
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

SECONDS = 120.0
SIZE = 1 << 20
COMPUTE_CAPABILITY = (75, 76)  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
Report = Dict[str, Any]


class CudaError(Exception):
    """A call that failed. `code` is None when the library could not be used at all."""

    def __init__(self, stage: str, code: Optional[int], name: str, text: str) -> None:
        super().__init__(text)
        self.told = {"stage": stage, "code": code, "name": name, "text": text}


class Cuda:
    """libcuda.so.1: each call raises CudaError unless it returns 0."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL("libcuda.so.1")
        except OSError as exc:
            raise CudaError("load", None, "", str(exc)) from exc

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of the library."""
        try:
            function = getattr(self._library, name)
        except AttributeError as exc:
            raise CudaError(name, None, "", str(exc)) from exc
        code = int(function(*arguments))
        if code:
            raise CudaError(name, code, self._told("cuGetErrorName", code), self._told("cuGetErrorString", code))

    def number(self, name: str, *arguments: Any) -> int:
        """Call a function whose first argument is where it puts an int."""
        value = ctypes.c_int(0)
        self.call(name, ctypes.byref(value), *arguments)
        return value.value

    def _told(self, function: str, code: int) -> str:
        text = ctypes.c_char_p()
        failed = getattr(self._library, function)(ctypes.c_int(code), ctypes.byref(text))
        return "" if failed or not text.value else text.value.decode("utf-8", "replace")


def describe(cuda: Cuda, index: int) -> Report:
    """Return what a GPU says of itself."""
    device = cuda.number("cuDeviceGet", ctypes.c_int(index))
    name = ctypes.create_string_buffer(256)
    cuda.call("cuDeviceGetName", name, ctypes.c_int(len(name)), ctypes.c_int(device))
    identity = (ctypes.c_ubyte * 16)()
    cuda.call("cuDeviceGetUuid", ctypes.byref(identity), ctypes.c_int(device))
    memory = ctypes.c_size_t(0)
    cuda.call("cuDeviceTotalMem_v2", ctypes.byref(memory), ctypes.c_int(device))
    capability = [
        cuda.number("cuDeviceGetAttribute", ctypes.c_int(which), ctypes.c_int(device)) for which in COMPUTE_CAPABILITY
    ]
    return {
        "index": index,
        "uuid": "GPU-" + str(uuid.UUID(bytes=bytes(identity))),
        "name": name.value.decode("utf-8", "replace"),
        "compute_capability": "{}.{}".format(*capability),
        "memory_mib": memory.value >> 20,
        "error": None,
    }


def use(cuda: Cuda, index: int) -> None:
    """Make a context on a GPU and copy bytes there and back. Raises CudaError."""
    device = ctypes.c_int(cuda.number("cuDeviceGet", ctypes.c_int(index)))
    context, pointer = ctypes.c_void_p(), ctypes.c_uint64()
    cuda.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        cuda.call("cuCtxSetCurrent", context)
        cuda.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(SIZE))
        sent = (ctypes.c_ubyte * SIZE).from_buffer_copy(os.urandom(SIZE))
        received = (ctypes.c_ubyte * SIZE)()
        cuda.call("cuMemcpyHtoD_v2", pointer, ctypes.byref(sent), ctypes.c_size_t(SIZE))
        cuda.call("cuMemcpyDtoH_v2", ctypes.byref(received), pointer, ctypes.c_size_t(SIZE))
        cuda.call("cuMemFree_v2", pointer)
        if bytes(sent) != bytes(received):
            raise CudaError("compare", None, "", "the bytes that came back from the GPU are not those that were sent")
    finally:
        cuda.call("cuDevicePrimaryCtxRelease_v2", device)


def look(report: Report, emit: Callable[[], None]) -> None:
    """Fill in the report, and emit it before each step that may hang. Raises CudaError when nothing works."""

    def begin(stage: str) -> None:
        report["stage"] = stage
        emit()

    begin("load")
    cuda = Cuda()
    begin("cuInit")
    cuda.call("cuInit", ctypes.c_uint(0))
    version = cuda.number("cuDriverGetVersion")
    report["cuda_version"] = f"{version // 1000}.{version % 1000 // 10}"
    for index in range(cuda.number("cuDeviceGetCount")):
        begin(f"device {index}")
        report["devices"].append(describe(cuda, index))
        begin(f"context {index}")
        try:
            use(cuda, index)
        except CudaError as exc:
            report["devices"][-1]["error"] = exc.told


def nvml_problem() -> Optional[Report]:
    """Return why NVML, which nvidia-smi stands on, cannot be used; None when it can."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        code = int(library.nvmlInit_v2())
        library.nvmlErrorString.restype = ctypes.c_char_p
        return {"code": code, "text": library.nvmlErrorString(code).decode("utf-8", "replace")} if code else None
    except (OSError, AttributeError) as exc:
        return {"code": None, "text": str(exc)}


def new_report() -> Report:
    """Return the report of somebody who has not looked yet."""
    nodes = sorted(path.name for path in Path("/dev").glob("nvidia*"))
    environment = {
        name: value for name, value in sorted(os.environ.items()) if name.startswith(("NVIDIA_", "CUDA_VIS"))
    }
    return {
        "gpu_proof": 1,
        "stage": "start",
        "error": None,
        "cuda_version": None,
        "devices": [],
        "nodes": nodes,
        "environment": environment,
        "nvml": None,
    }


def child(pipe: int) -> None:
    """Look, and write the report as it grows, a line each time."""
    report = new_report()

    def emit() -> None:
        os.write(pipe, json.dumps(report).encode() + b"\n")

    try:
        look(report, emit)
    except CudaError as exc:
        report["error"] = exc.told
    if report["error"] or not report["devices"]:
        report["nvml"] = nvml_problem()
    report["stage"] = "done"
    emit()


def watch(pipe: int, pid: int, seconds: float) -> Report:
    """Return the child's last report; when it hangs or dies, the report says in which stage."""
    deadline, told = time.monotonic() + seconds, b""
    while True:
        ready = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]
        chunk = os.read(pipe, 65536) if ready else b""
        told += chunk
        if not chunk:
            break
    if not ready:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    lines: List[bytes] = told.split(b"\n")[:-1]
    report: Report = json.loads(lines[-1].decode()) if lines else new_report()
    if report["stage"] != "done":
        text = f"no answer within {seconds:g} seconds"
        text = text if not ready else f"the process died (wait status {status})"
        report["error"] = {
            "stage": report["stage"],
            "code": None,
            "name": "timeout" if not ready else "died",
            "text": text,
        }
    return report


def main() -> None:
    """Look in a process of its own, as CUDA may hang or crash, and write what was seen."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    started = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            child(writer)
        finally:
            os._exit(0)
    os.close(writer)
    report = watch(reader, pid, seconds)
    report["seconds"] = round(time.monotonic() - started, 3)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
