#!/usr/bin/env bash
# Make sure that a Docker Engine runs on this machine: use it, else start it, else install and start it.
# An existing /etc/docker/daemon.json is left as it is.
set -euo pipefail

without_root() {
    echo "A Docker Engine is needed, and this user may neither use one nor install one."
    echo "Ask an administrator to install docker.io and to add $(id -un) to the group docker."
}
source "$(dirname "$0")/as_root.sh"

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

install_engine() {
    if ! command -v apt-get >/dev/null; then
        echo "No Docker Engine was found. Please install one with this machine's package manager and start it." >&2
        exit 1
    fi
    local packages=(docker.io iptables)
    as_root apt-get update -qq
    # From Debian 13 on the client is a package of its own.
    ! apt-cache show docker-cli >/dev/null 2>&1 || packages+=(docker-cli)
    echo "Installing the distribution's Docker Engine: ${packages[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl start docker
    else
        echo "Starting dockerd by hand (PID 1 is not systemd); its log is /var/log/dockerd-by-hand.log"
        as_root sh -c 'setsid dockerd >>/var/log/dockerd-by-hand.log 2>&1 </dev/null &'
    fi
}

engine_answers && exit 0
if [ -n "${DOCKER_HOST:-}" ]; then
    echo "DOCKER_HOST=$DOCKER_HOST does not answer. Start that engine, or unset DOCKER_HOST to use this machine's own." >&2
    exit 1
fi
command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || install_engine
engine_answers || start_engine
for _ in $(seq 150); do
    engine_answers && exit 0
    sleep 0.2
done
echo "dockerd was started but does not answer within 30 s. Its log says:" >&2
tail -n 20 /var/log/dockerd-by-hand.log 2>/dev/null >&2 || as_root journalctl --no-pager -n 20 -u docker >&2
exit 1
