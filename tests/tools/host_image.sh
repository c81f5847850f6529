#!/usr/bin/env bash
# Make the image of a test host: Debian 12 with systemd as PID 1 and a Docker Engine of its own.
# usage: tests/tools/host_image.sh
#
# No container registry is needed: debootstrap makes the root, `docker import` makes the image. The image carries
# the digest of this recipe as a label, so a second run does nothing. The root is kept as a tarball in
# ${GPT_OSS_FLEET_CACHE:-~/.cache/gpt_oss_fleet}; delete it to take in newer packages.
# GPT_OSS_FLEET_DEBIAN_MIRROR names another mirror than the one that this machine's apt uses.
set -euo pipefail

image=gpt-oss-fleet/host:debian12
suite=bookworm
cache=${GPT_OSS_FLEET_CACHE:-$HOME/.cache/gpt_oss_fleet}
packages=(
    # What hosts of a fleet have.
    python3 python3-venv systemd systemd-sysv dbus sudo ca-certificates iproute2 procps kmod
    # The engine.
    docker.io iptables
    # The way in: one sshd for each connection, started through `docker exec`. None listens.
    openssh-server openssh-sftp-server
)

without_root() {
    echo "Wanted: root, to make the root of the test hosts. Found: user $(id -un), who may not use sudo."
    echo "Run it as root, or put a tarball made elsewhere into $cache."
}
source "$(dirname "$0")/../../tools/as_root.sh"

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
    cat <<'INSIDE'
set -eu
# Nothing that waits for hardware, a console or the network: the host is up in a second.
systemctl mask --quiet systemd-udevd.service systemd-udev-trigger.service systemd-logind.service \
    systemd-timesyncd.service systemd-networkd-wait-online.service getty.target console-getty.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer ssh.service
systemctl set-default --quiet multi-user.target
systemctl enable --quiet docker.service
# Reached through `docker exec` only (see molecule/README.md), so the password that guards nothing is empty.
passwd --quiet --delete root
echo 'd /run/sshd 0755 root root' > /etc/tmpfiles.d/sshd.conf
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
    echo "Making the root of $image with debootstrap (about 90 s the first time)"
    local list
    list=$(IFS=,; echo "${packages[*]}")
    if ! as_root env DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin" debootstrap --variant=minbase \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --include="$list" "$suite" "$root" $(mirror) \
        >"$cache/debootstrap.log" 2>&1; then
        echo "debootstrap failed; the last lines of $cache/debootstrap.log:" >&2
        tail -n 15 "$cache/debootstrap.log" >&2
        exit 1
    fi
    configure | as_root env PATH="/usr/sbin:/usr/bin:/sbin:/bin" chroot "$root" sh
    as_root tar -C "$root" --numeric-owner --one-file-system -c . | gzip -1 >"$tarball.part"
    mv "$tarball.part" "$tarball"
    as_root rm -rf "$root"
    trap - EXIT
    echo "Made $tarball in $((SECONDS - started)) s"
}

main() {
    local digest label tarball
    digest=$({ echo "$suite ${packages[*]}"; configure; } | sha256sum | cut -c 1-16)
    label=$(docker image inspect --format '{{ index .Config.Labels "org.gpt-oss-fleet.recipe" }}' "$image" 2>/dev/null || true)
    if [ "$label" = "$digest" ]; then
        echo "$image is up to date"
        return
    fi
    tarball=$cache/host-debian12-$digest.tar.gz
    mkdir -p "$cache"
    if [ ! -s "$tarball" ]; then
        install_debootstrap
        build_root "$tarball"
        find "$cache" -maxdepth 1 -name 'host-debian12-*.tar.gz' ! -name "${tarball##*/}" -delete
    fi
    docker import \
        --change 'ENTRYPOINT ["/sbin/init"]' \
        --change 'ENV container=docker' \
        --change "LABEL org.gpt-oss-fleet.recipe=$digest" \
        "$tarball" "$image" >/dev/null
    echo "Imported $image"
}

main
