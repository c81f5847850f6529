#!/usr/bin/env bash
# An image of real vLLM for CPU, made with no registry: the environment, its base Python, a shell and what they link to,
# each at the path it has on this machine, imported as one layer. Prints the image's name.
# Does nothing when the image was made from this very environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"

# vLLM reads the processor's layout with lscpu; vllm_container wraps the entrypoint in a shell; the rest is for a human who looks inside.
COMMANDS="sh bash cat env grep head hostname id kill ldconfig ls lscpu mkdir nproc ps rm sed sleep tail uname"
# Parts of the environment that serving never reads: 230 MB.
UNUSED=(--exclude=torch/test --exclude=torch/include --exclude="torch/bin/test_*" --exclude="torch/bin/*Test" --exclude=site-packages/pip --exclude='*.a' --exclude='*.dbg')

[ -x "$VENV/bin/vllm" ] || die "There is no vLLM environment at $VENV. Run install.sh first."
made_from=$(digest "$here/image.sh" "$here/env.sh" <(cat "$VENV"/lib/python3.11/site-packages/*.dist-info/RECORD | sha256sum))
if [ "$(docker image inspect --format "{{index .Config.Labels \"$IMAGE_LABEL\"}}" "$IMAGE" 2>/dev/null)" = "$made_from" ]; then
    echo "$IMAGE"
    exit
fi
say "Making the image $IMAGE from $VENV (about 2.3 GB; half a minute on a calm machine)"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
"$VENV/bin/python" - >"$stage/python" <<'PY'
import pathlib, sys, sysconfig
base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix, "installed_platbase": sys.base_exec_prefix}
print(pathlib.Path(sys.executable).resolve())
print(sysconfig.get_path("stdlib", vars=base))
PY
commands=$(for command in $COMMANDS; do PATH=$PATH:/usr/sbin:/sbin type -P "$command" || true; done)

# All that the programs and extension modules link to, outside the environment and the standard library.
libraries() {
    {
        echo "$commands"
        head -1 "$stage/python"
        find "$(tail -1 "$stage/python")" "$VENV/" -name '*.so*' -type f
    } | xargs ldd 2>/dev/null | awk '/=> \//{print $3} /^\t\/.*\(/{print $1}' | grep -v "^$VENV/" | sort -u
}
libraries >"$stage/libraries"

# vLLM's kernels need libnuma, which a small machine may lack.
mkdir -p "$stage/root"
if ! grep -q 'libnuma\.so\.1' "$stage/libraries"; then
    (cd "$stage" && apt-get download -q libnuma1 >&2) || die "vLLM needs libnuma.so.1 and it could not be fetched. Debian and Ubuntu: apt-get install libnuma1"
    dpkg-deb --extract "$stage"/libnuma1_*.deb "$stage/root"
fi

mkdir -p "$stage"/root/{etc,root,run,proc,sys,dev,var/tmp}
mkdir -m 1777 "$stage/root/tmp"
echo 'root:x:0:0:root:/root:/bin/sh' >"$stage/root/etc/passwd"
echo 'root:x:0:' >"$stage/root/etc/group"
echo 'hosts: files dns' >"$stage/root/etc/nsswitch.conf"

# A path is listed where it really lies (on merged-/usr systems /lib is a link), together with what it points to.
{
    for link in /bin /sbin /lib /lib32 /lib64 /libx32; do [ ! -L "$link" ] || echo "$link"; done
    for file in $commands $(cat "$stage/libraries") "$(head -1 "$stage/python")"; do
        echo "$(realpath "$(dirname "$file")")/$(basename "$file")"
        realpath "$file"
    done
    tail -1 "$stage/python"
    echo "$VENV"
    [ ! -f /etc/ld.so.cache ] || echo /etc/ld.so.cache
} | sed 's|^/||' | sort -u >"$stage/list"

tar --create --owner=0 --group=0 --numeric-owner "${UNUSED[@]}" --directory=/ --files-from="$stage/list" --directory="$stage/root" . |
    docker import \
        --change 'ENTRYPOINT ["vllm", "serve"]' \
        --change 'WORKDIR /root' \
        --change 'EXPOSE 8000' \
        --change "ENV PATH=$VENV/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1" \
        --change "LABEL $IMAGE_LABEL=$made_from" \
        - "$IMAGE" >/dev/null

# A missing library would otherwise show up as a server that dies a minute into its start.
docker run --rm --interactive --entrypoint python "$IMAGE" - <"$here/kernels.py" || {
    docker image rm "$IMAGE" >/dev/null
    die "The image was made, but vLLM's kernels do not load in it (see above). It was removed again."
}
echo "$IMAGE"
