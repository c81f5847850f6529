# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures of the host - data: disks, memory, permissions, processes, what the image lacks."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

HOST = (
    Failure(
        "shared_memory",
        r"Insufficient space in /dev/shm.*?: (?P<what>.+?)\.",
        "the shared memory of the container is too small: {what}",
        "set ipc_mode: host, or a larger shm_size",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "shared_memory",
        r"insufficient shared memory \(shm\)|posix_fallocate failed: No space left on device"
        r"|Error while creating shared memory"
        r" segment /dev/shm/\S+|[Bb]us error|'\w+': -7\b|exit code: -7\b",
        "the shared memory of the container is too small (a process died of SIGBUS, or NCCL could not make its "
        "segment): {line}",
        "set ipc_mode: host, or a larger shm_size",
        "PyTorch's and NCCL's texts",
        "3.8",
    ),
    Failure(
        "disk_full",
        r"[Nn]o space left on device|Disk quota exceeded|Not enough free disk space to download",
        "a disk is full: {line}",
        "make room (df -h; the engine's folder and the model cache, vllm_hf_home, are the large ones)",
        "run, kernel's text",
        "4.2",
    ),
    Failure(
        "read_only",
        r"Read-only file system(?P<what>: .+)?|No usable temporary directory found in (?P<other>.+)",
        "the server wants to write where it may not{what} {other}",
        "take :ro off that entry of volumes, or point the cache elsewhere (VLLM_CACHE_ROOT, HF_HOME, TMPDIR); a disk "
        "that "
        "the kernel made read-only shows in dmesg, a full one in df -h",
        "run, 0.32.0",
        "3.10",
    ),
    Failure(
        "permission",
        r"PermissionError: \[Errno 13\] Permission denied: (?P<what>.+)"
        r"|PermissionError at (?P<other>\S+) when downloading",
        "the server may not write or read {what}{other}",
        "give the mounted folder to the user that the container runs as (a container as root leaves files of root "
        "behind)",
        "run, Python's text",
        "4.2",
    ),
    Failure(
        "no_such_user",
        r"KeyError: 'getpwuid\(\): uid not found: (?P<what>\d+)'|No user exists for uid (?P<other>\d+)",
        "the image has no user of the number that the container runs as ({what}{other})",
        "set USER and HOME in environment, or run as a user of the image (2000:0 in newer vLLM images)",
        "run, Python's text",
        "3.5",
    ),
    Failure(
        "open_files",
        r"Too many open files(?P<what>.*)",
        "the server ran out of file descriptors{what}",
        "set ulimits: {{nofile: 1048576}}; Docker 29 gives containers 1024 unless told otherwise (role docker sets it)",
        "run, Docker 29 release notes",
        "0.8",
    ),
    Failure(
        "too_many_processes",
        r"can't start new thread|Resource temporarily unavailable.*(?:fork|thread)|pthread_create failed|(?:fork"
        r"|BlockingIOError)"
        r".*Resource temporarily unavailable",
        "the server may start no more processes or threads: {line}",
        "raise nproc in ulimits, or the limit of pids of the engine's service (TasksMax=infinity in docker.service)",
        "Python's text",
        "2.2",
    ),
    Failure(
        "host_memory",
        r"Cannot allocate memory|std::bad_alloc|^MemoryError\b|DefaultCPUAllocator: (?:can't|not enough)"
        r"|Insufficient (?:cgroup )?"
        r"memory .*cgroup",
        "the host's, or the container's, main memory is used up: {line}",
        "give the host or the container more memory, or stop what else uses it (free -h)",
        "Python's and PyTorch's texts",
        "3.8",
    ),
    Failure(
        "no_compiler",
        r"(?P<what>No working C\+\+ compiler found|Failed to find C compiler)"
        r"|[Nn]o such file or directory: '(?P<other>g\+\+|gcc|cc"
        r"|nvcc|ninja)'|Could not find (?P<third>nvcc)",
        "vLLM wants to compile, but the image has no compiler: {what}{other}{third}",
        "add --enforce-eager to arguments, or use an image with a compiler (g++)",
        "run, 0.32.0 (CPU)",
        "3.10",
    ),
    Failure(
        "compiler_failed",
        r"CalledProcessError: Command '\['(?P<what>[^']*/(?:gcc|g\+\+|cc|clang))'",
        "the image's compiler {what} could not make what Triton needs; what it said stands above in the log",
        "use an image in which {what} makes shared objects (libgcc.a, libc6-dev and Python's headers belong to it), "
        "such as vllm/vllm-openai",
        "run, 0.22.1",
        "3.10",
    ),
    Failure(
        "missing_module",
        r"ModuleNotFoundError: No module named '(?P<what>[^']+)'",
        "the image lacks the Python package {what}",
        "use an image that holds it",
        "run, 0.22.1",
        "3.5",
    ),
    Failure(
        "missing_library",
        r"(?:ImportError|OSError): (?P<what>lib[\w.+-]+): cannot open shared object file"
        r"|(?P<other>undefined symbol: \S+)",
        "a library is missing in the container, or does not fit: {what}{other}",
        "for libcuda.so.1 and libnvidia-*: give the container GPUs (gpus, gpu_access) through the NVIDIA Container "
        "Toolkit; for "
        "others use an image that is whole, with nothing mounted over its packages",
        "run, Python's text",
        "2.3",
    ),
    Failure(
        "wrong_architecture",
        r"exec format error|Exec format error|cannot execute binary file",
        "the image is made for another processor than the host's: {line}",
        "take the image for this processor (docker image inspect: Architecture; uname -m); a start script needs its "
        "first line "
        "(#!)",
        "run, Docker Engine 20.10",
        "3.5",
    ),
    Failure(
        "segmentation_fault",
        r"Fatal Python error: Segmentation fault|Segfault encountered|Segmentation fault|'\w+': -11\b|exit code: -11\b",
        "a process of vLLM crashed (segmentation fault)",
        "look for Xid lines in dmesg; try --enforce-eager in arguments and another image, and report it to vLLM with "
        "the log",
        "vLLM 0.32.0, source; Python's text",
        "3.8",
    ),
    Failure(
        "illegal_instruction",
        r"Fatal Python error: Illegal instruction|Illegal instruction|'\w+': -4\b|exit code: -4\b",
        "the image uses instructions that this processor does not have",
        "take an image made for this processor (lscpu lists what it can)",
        "kernel's text",
        "3.5",
    ),
)
