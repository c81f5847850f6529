"""The ways of a content from one host to all others that are compared. Each is set up for its own best.

A way is a function of the hosts, the first of which holds the content in /data/content. It prepares them, and returns
who receives and a function that starts all of it. Who has received everything has written the time to /data/done.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shaped_hosts import Host, together

Start = Callable[[], object]
Way = Callable[[list[Host]], tuple[list[Host], Start]]
HERE = Path(__file__).resolve().parent
DONE = "date +%s.%N > /data/done.new && mv /data/done.new /data/done"
_PORT = 5551

_NGINX = """
worker_processes 2; pid /tmp/nginx.pid; error_log /tmp/nginx.log; events { worker_connections 1024; }
http {
    access_log off; sendfile on; tcp_nopush on;
    proxy_cache_path /data/cache keys_zone=models:10m max_size=100g inactive=1d use_temp_path=off;
    server { listen 8080; root /data/content; }
    # In slices, so that a client gets the beginning of a file before the mirror has its end; each is asked for once.
    server {
        listen 8081;
        location / {
            slice 4m;
            proxy_cache models; proxy_cache_key $uri$slice_range; proxy_cache_valid 200 206 1d;
            proxy_cache_lock on; proxy_cache_lock_timeout 1h; proxy_cache_lock_age 1h;
            proxy_set_header Range $slice_range; proxy_http_version 1.1;
            proxy_pass http://ORIGIN:8080;
        }
    }
}
"""
_GET = """
mkdir -p /data/got && cd /data/got
printf '%s\\n' {names} | xargs -P 4 -I@ curl -sSf -o @ http://{address}/@ && {done}
"""
_RSYNC = (
    "use chroot = no\npid file = /tmp/rsync.pid\n[models]\npath = /data/content\nuid = 0\ngid = 0\nread only = yes\n"
)
_ARIA2 = (
    "nohup aria2c --bt-tracker=http://{holder}:6969/announce --bt-tracker-interval=2 "
    "--enable-dht=false --bt-enable-lpd=false --enable-peer-exchange=true "
    "--seed-ratio=0 --bt-max-peers=0 --bt-request-peer-speed-limit=1000M "
    "--max-overall-upload-limit=0 --file-allocation=none --disk-cache=64M --quiet"
)


def copy(hosts: list[Host]) -> tuple[list[Host], Start]:
    """One host gets it by HTTP: what the others are measured by."""
    _serve(hosts[0], "127.0.0.1")
    return hosts[1:2], lambda: _get(hosts[1], f"{hosts[0].address}:8080", _names(hosts[0]))


def mirror(hosts: list[Host]) -> tuple[list[Host], Start]:
    """One of the hosts is a pull-through mirror, of which all get it."""
    _serve(hosts[0], "127.0.0.1")
    _serve(hosts[1], hosts[0].address)
    names, address = _names(hosts[0]), f"{hosts[1].address}:8081"
    return hosts[1:], lambda: together([lambda host=host: _get(host, address, names) for host in hosts[1:]])


def tree(hosts: list[Host]) -> tuple[list[Host], Start]:
    """Who has it gives it to one that has not, by rsync; twice as many have it after each round."""
    for host in hosts:
        host.run("mkdir -p /data/content; cat > /tmp/rsync.conf; rsync --daemon --config=/tmp/rsync.conf", _RSYNC)

    def start() -> None:
        have, lack = hosts[:1], hosts[1:]
        while lack:
            pairs = list(zip(have, lack, strict=False))
            together([lambda source=source, target=target: _rsync(source, target) for source, target in pairs])
            have, lack = have + [target for _source, target in pairs], lack[len(pairs) :]

    return hosts[1:], start


def aria2(hosts: list[Host]) -> tuple[list[Host], Start]:
    """BitTorrent by aria2, which finds peers through a tracker only; the holder runs one."""
    hosts[0].run("python3 /bench/metainfo.py /data/content /data/metainfo")
    hosts[0].run("nohup python3 /bench/tracker.py > /tmp/tracker.log 2>&1 &")
    metainfo = hosts[0].run("base64 -w0 /data/metainfo")
    for host in hosts[1:]:
        host.run("mkdir -p /data/got; base64 -d > /data/metainfo", metainfo)
        host.run("cat > /tmp/done; chmod +x /tmp/done", f"#!/bin/sh\n{DONE}\n")
    command = _ARIA2.format(holder=hosts[0].address)
    # The holder's content is checked by nobody, as that of the other ways is not.
    seed = f"{command} --bt-seed-unverified=true --dir=/data /data/metainfo > /tmp/aria2.log 2>&1 &"
    fetch = f"{command} --on-bt-download-complete=/tmp/done --dir=/data/got /data/metainfo > /tmp/aria2.log 2>&1 &"

    def start() -> None:
        hosts[0].run(seed)
        together([lambda host=host: host.run(fetch) for host in hosts[1:]])

    return hosts[1:], start


def swarm(hosts: list[Host]) -> tuple[list[Host], Start]:
    """Ours: libtorrent as hf_model and hf_model_share use it. The holder has hashed its pieces before."""
    hash_of = hosts[0].run(f"python3 /bench/swarm_host.py hold /data {hosts[0].address} {_PORT}").strip()
    places = {host.name: f"{host.address}:{_PORT}" for host in hosts}

    def fetch(host: Host) -> str:
        others = " ".join(place for name, place in places.items() if name != host.name)
        script = f"python3 /bench/swarm_host.py fetch /data {host.address} {_PORT} {hash_of} {others}"
        return host.run(f"{script} > /tmp/swarm.log 2>&1 && {DONE}")

    return hosts[1:], lambda: together([lambda host=host: fetch(host) for host in hosts[1:]])


WAYS: dict[str, Way] = {"copy": copy, "libtorrent": swarm, "aria2": aria2, "rsync tree": tree, "mirror": mirror}


def _serve(host: Host, origin: str) -> None:
    host.run("mkdir -p /data; cat > /tmp/nginx.conf; nginx -c /tmp/nginx.conf", _NGINX.replace("ORIGIN", origin))


def _names(host: Host) -> str:
    return " ".join(host.run("ls /data/content").split())


def _get(host: Host, address: str, names: str) -> str:
    return host.run(_GET.format(names=names, address=address, done=DONE))


def _rsync(source: Host, target: Host) -> str:
    return target.run(f"rsync -a --whole-file rsync://{source.address}/models/ /data/content/ && {DONE}")
