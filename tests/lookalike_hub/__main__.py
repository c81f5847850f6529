# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look-alike as a process, for benchmarks and for tests in containers.

    python tests/lookalike_hub --port 8080 --model openai/gpt-oss-20b=/models/gpt-oss-20b
    python tests/lookalike_hub --generated bench/model=15x40M --rate 50M

It prints one line of JSON with its addresses once it listens, and serves until it is told to end.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lookalike_hub import Generated, Hub, control  # noqa: E402  (the path comes first)

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str) -> int:
    """Return the bytes of 600, 40M or 2G."""
    unit = UNITS.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(text)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("lookalike_hub", description="A look-alike of the Hugging Face Hub, with faults.")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=0, help="port of the Hub (any); cdn, cas and control have the next three"
    )
    parser.add_argument(
        "--model", action="append", default=[], metavar="REPO=FOLDER[@COMMIT]", help="a repository with these files"
    )
    parser.add_argument(
        "--generated", action="append", default=[], metavar="REPO=COUNTxSIZE",
        help="a repository of so many large files of so many bytes (K, M, G), with a config.json and an index",
    )  # fmt: skip
    parser.add_argument("--rate", type=size, help="bytes per second over all connections")
    parser.add_argument("--token", action="append", help="a valid token; requests without one are refused")
    parser.add_argument("--page-size", type=int, default=1000, help="entries of a page of a tree (1000)")
    parser.add_argument("--gzip", action="store_true", help="compress small text files, for clients that accept it")
    parser.add_argument("--xet", action="store_true", help="tell of Xet hashes and serve the Xet store")
    parser.add_argument("--stalling-xet", action="store_true", help="tell of Xet hashes; the Xet store never answers")
    parser.add_argument("--faults", type=json.loads, default=[], metavar="JSON", help="a list of faults: see faults.py")
    return parser.parse_args(arguments)


def ports(first: int) -> dict[str, int]:
    names = ("cdn", "cas", "control")
    return {name: first + number if first else 0 for number, name in enumerate(names, 1)}


def generated(count: int, length: int) -> dict[str, Any]:
    """Return files as a sharded model has them; the weights are noise."""
    names = [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
    weights = {f"layers.{number}.weight": name for number, name in enumerate(names)}
    index = {"metadata": {"total_size": count * length}, "weight_map": weights}
    small = {"config.json": '{"model_type": "gpt_oss"}', "model.safetensors.index.json": json.dumps(index)}
    return {**small, **{name: Generated(length, number) for number, name in enumerate(names)}}


def build(options: argparse.Namespace) -> Hub:
    hub = Hub(
        options.address, options.port, ports(options.port), rate=options.rate, page_size=options.page_size,
        gzip=options.gzip, tokens=options.token, token_required=bool(options.token),
    )  # fmt: skip
    xet = options.xet or options.stalling_xet
    for given in options.model:
        repo_id, _equals, rest = given.partition("=")
        folder, _at, commit = rest.partition("@")
        hub.add(repo_id, xet=xet).add_folder(Path(folder), commit=commit or None)
    for given in options.generated:
        repo_id, _equals, rest = given.partition("=")
        count, _x, length = rest.partition("x")
        hub.add(repo_id, xet=xet).commit(generated(int(count), size(length)))
    for fault in options.faults + ([{"kind": "hang", "phase": "cas"}] if options.stalling_xet else []):
        hub.fault(**fault)
    for repository in hub.repositories.values():
        repository.hash_all()
    return hub


def main() -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_arguments: ended.set())
    with build(parse(sys.argv[1:])) as hub:
        print(json.dumps(control.state(hub)), flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
