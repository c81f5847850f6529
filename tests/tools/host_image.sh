#!/usr/bin/env bash
# Make the image of a test host: Debian with systemd as PID 1.
# usage: tests/tools/host_image.sh [host|bare] [debian12|debian13]
#   bare   as an installer leaves it: Python and sshd, no engine, no package source but /srv/repositories
#   host   the bare one with the distribution's Docker Engine
#
# No container registry is needed: debootstrap makes the bare root, `docker import` makes the image, and the host is a
# layer upon it. Each image carries the digest of its recipe as a label, so a second run does nothing. The root is kept as
# a tarball in ${GPT_OSS_FLEET_CACHE:-~/.cache/gpt_oss_fleet}; delete it to take in newer packages.
# GPT_OSS_FLEET_DEBIAN_MIRROR names another mirror than the one that this machine's apt uses.
set -euo pipefail
cd "$(dirname "$0")/../.."

kind=${1:-host}
system=${2:-debian12}
cache=${GPT_OSS_FLEET_CACHE:-$HOME/.cache/gpt_oss_fleet}
packages=(
    # What hosts of a fleet have.
    python3 python3-venv python3-apt systemd systemd-sysv dbus sudo ca-certificates iproute2 procps kmod
    # The way in: one sshd for each connection, started through `docker exec`. None listens.
    openssh-server openssh-sftp-server
)
# What the host has more. From Debian 13 on the client is a package of its own.
case $system in
    debian12) suite=bookworm engine=(docker.io iptables) ;;
    debian13) suite=trixie engine=(docker.io docker-cli iptables) ;;
    *) echo "Wanted: debian12 or debian13. Found: $system." >&2; exit 2 ;;
esac

without_root() {
    echo "Wanted: root, to make the root of the test hosts. Found: user $(id -un), who may not use sudo."
    echo "Run it as root, or put a tarball made elsewhere into $cache."
}
source tools/as_root.sh

# The mirror from which this machine takes Debian; nothing where it takes another distribution: debootstrap knows one.
mirror() {
    if [ -n "${GPT_OSS_FLEET_DEBIAN_MIRROR:-}" ]; then
        echo "$GPT_OSS_FLEET_DEBIAN_MIRROR"
        return
    fi
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null \
        | grep -m 1 -E '^https?://' || true
}

install_debootstrap() {
    local missing=()
    command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
    [ "${#missing[@]}" != 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Wanted: debootstrap and Debian's archive keys, to make the root of the test hosts. Please install: ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing system packages: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# What makes the root a test host; runs inside it.
configure() {
    cat <<INSIDE
set -eu
# Nothing that waits for hardware, a console or the network: the host is up in a second.
systemctl mask --quiet systemd-udevd.service systemd-udev-trigger.service systemd-logind.service \
    systemd-timesyncd.service systemd-networkd-wait-online.service getty.target console-getty.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount tmp.mount apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer ssh.service
systemctl set-default --quiet multi-user.target
# Reached through \`docker exec\` only (see molecule/README.md), so the password that guards nothing is empty.
passwd --quiet --delete root
echo 'd /run/sshd 0755 root root' > /etc/tmpfiles.d/sshd.conf
# Packages come from what the scenario mounts, never from a network.
rm -f /etc/apt/sources.list.d/*
echo 'deb [signed-by=/srv/repositories/distribution/key.asc] file:///srv/repositories/distribution/$system ./' > /etc/apt/sources.list
rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/info/*
mkdir -p /var/log/journal
rm -f /etc/machine-id /var/lib/dbus/machine-id
: > /etc/machine-id
: > /etc/hostname
INSIDE
}

build_root() {
    local tarball=$1 root started=$SECONDS
    root=$(as_root mktemp -d "${TMPDIR:-/var/tmp}/gpt-oss-fleet-host.XXXXXX")
    # Expanded now: the variable is gone when the trap runs.
    # shellcheck disable=SC2064
    trap "as_root rm -rf '$root' '$tarball.part'" EXIT
    echo "Making the root of $system with debootstrap (about 60 s the first time)"
    local list
    list=$(IFS=,; echo "${packages[*]}")
    if ! as_root env DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin" debootstrap --variant=minbase \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --include="$list" "$suite" "$root" $(mirror) \
        >"$cache/debootstrap-$system.log" 2>&1; then
        echo "debootstrap failed; the last lines of $cache/debootstrap-$system.log:" >&2
        tail -n 15 "$cache/debootstrap-$system.log" >&2
        exit 1
    fi
    configure | as_root env PATH="/usr/sbin:/usr/bin:/sbin:/bin" chroot "$root" sh
    as_root tar -C "$root" --numeric-owner --one-file-system -c . | gzip -1 >"$tarball.part"
    mv "$tarball.part" "$tarball"
    as_root rm -rf "$root"
    trap - EXIT
    echo "Made $tarball in $((SECONDS - started)) s"
}

# up_to_date IMAGE DIGEST: the image is there and of this recipe.
up_to_date() {
    local label
    label=$(docker image inspect --format '{{ index .Config.Labels "org.gpt-oss-fleet.recipe" }}' "$1" 2>/dev/null || true)
    [ "$label" = "$2" ] && echo "$1 is up to date"
}

digest_of() { sha256sum | cut -c 1-16; }

make_bare() {
    local image=gpt-oss-fleet/bare:$system tarball
    up_to_date "$image" "$bare_digest" && return
    tarball=$cache/bare-$system-$bare_digest.tar.gz
    mkdir -p "$cache"
    if [ ! -s "$tarball" ]; then
        install_debootstrap
        build_root "$tarball"
        find "$cache" -maxdepth 1 -name "*-$system-*.tar.gz" ! -name "${tarball##*/}" -delete
    fi
    docker import \
        --change 'ENTRYPOINT ["/sbin/init"]' \
        --change 'ENV container=docker' \
        --change "LABEL org.gpt-oss-fleet.recipe=$bare_digest" \
        "$tarball" "$image" >/dev/null
    echo "Imported $image"
}

# What makes the bare image a host; runs inside it.
install_engine() {
    cat <<INSIDE
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ${engine[*]}
systemctl enable --quiet docker.service
rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
INSIDE
}

make_host() {
    local image=gpt-oss-fleet/host:$system digest container
    digest=$({ echo "$bare_digest"; install_engine; } | digest_of)
    up_to_date "$image" "$digest" && return
    make_bare
    "$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)" tests/tools/repositories/build.py distribution "$system"
    container=$(docker create --interactive --network none --volume "$PWD/.cache/repositories:/srv/repositories:ro" \
        --entrypoint sh "gpt-oss-fleet/bare:$system")
    # shellcheck disable=SC2064
    trap "docker rm --force $container >/dev/null" EXIT
    if ! install_engine | docker start --attach --interactive "$container" >"$cache/engine-$system.log" 2>&1; then
        echo "Installing ${engine[*]} failed; the last lines of $cache/engine-$system.log:" >&2
        tail -n 15 "$cache/engine-$system.log" >&2
        exit 1
    fi
    docker commit --change 'ENTRYPOINT ["/sbin/init"]' --change "LABEL org.gpt-oss-fleet.recipe=$digest" \
        "$container" "$image" >/dev/null
    echo "Made $image"
}

bare_digest=$({ echo "$suite ${packages[*]}"; configure; } | digest_of)
case $kind in
    bare) make_bare ;;
    host) make_host ;;
    *) echo "Wanted: host or bare. Found: $kind." >&2; exit 2 ;;
esac
