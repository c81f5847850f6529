# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the eval client speaks HTTP as it does: HTTP clients alone, the same requests to the same loopback server.

usage: RIVALS_PYTHON=/path/to/python http_clients.py     prints a table as Markdown
RIVALS_PYTHON has aiohttp and requests, which lm-eval brings. Each client sends 1,584 bodies and reads the replies as
JSON, and nothing else. CPU is that of a run with one request taken off.
"""

from __future__ import annotations

import os
import sys

from measure import COLLECTIONS, REQUESTS, Run, measure, raise_file_limit

COMMON = """
import asyncio, json, sys
url, count, concurrency, collections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def make(number):
    message = {"role": "user", "content": f"Question {number}? " + "word " * 80}
    return json.dumps({"model": "test-model", "input": [message]}).encode()
bodies = iter([make(number) for number in range(count)])
def use(body):
    assert json.loads(body)["output"]
"""
CLIENTS = {
    "asyncio with httptools (ours)": """
sys.path.insert(0, collections)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._http import Connection, Endpoint
endpoint = Endpoint.parse(url)
async def work():
    connection = Connection(endpoint)
    for body in bodies:
        use((await connection.post("/responses", body, "", 60.0)).body)
    connection.close()
async def main():
    await asyncio.gather(*(work() for _ in range(concurrency)))
asyncio.run(main())
""",
    "aiohttp": """
import aiohttp
async def work(session):
    for body in bodies:
        async with session.post(url + "/responses", data=body, headers={"Content-Type": "application/json"}) as reply:
            use(await reply.read())
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
asyncio.run(main())
""",
    "http.client in threads": """
import http.client, threading, urllib.parse
lock = threading.Lock()
def work():
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    while True:
        with lock:
            body = next(bodies, None)
        if body is None:
            return
        connection.request("POST", parts.path + "/responses", body, {"Content-Type": "application/json"})
        use(connection.getresponse().read())
threads = [threading.Thread(target=work) for _ in range(concurrency)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
    "requests in threads": """
import requests, threading
lock = threading.Lock()
def work():
    with requests.Session() as session:
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                return
            use(session.post(url + "/responses", data=body, headers={"Content-Type": "application/json"}).content)
threads = [threading.Thread(target=work) for _ in range(concurrency)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
}


def run(name: str, count: int, concurrency: int) -> Run:
    python = sys.executable if "ours" in name else os.environ.get("RIVALS_PYTHON") or sys.executable
    arguments = ["{url}", str(count), str(concurrency), str(COLLECTIONS)]
    return measure([python, "-c", COMMON + CLIENTS[name], *arguments], {"latency": 0.05})


def main() -> None:
    raise_file_limit()
    print(
        "| client | CPU ms a request at 128 | at 1,584 | peak MB at 128 | at 1,584 |\n|---|---|---|---|---|", flush=True
    )
    for name in CLIENTS:
        try:
            startup = min(run(name, 1, 1).cpu for _run in range(2))
            runs = [
                min((run(name, REQUESTS, n) for _run in range(2)), key=lambda found: found.cpu) for n in (128, REQUESTS)
            ]
        except SystemExit as exc:
            print(f"| {name} | cannot run here: {str(exc).strip().splitlines()[-1]} | | | |", flush=True)
            continue
        cpu = [f"{1000 * (found.cpu - startup) / REQUESTS:.2f}" for found in runs]
        print("| " + " | ".join([name, *cpu, *(f"{found.rss:.0f}" for found in runs)]) + " |", flush=True)


if __name__ == "__main__":
    main()
