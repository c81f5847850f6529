# What a bare machine needs to be driven: an engine, ansible-core, an image. Sourced by run.sh, never run. All of it lies in
# $ACCEPTANCE_STATE; what is there already is used.
say() { printf '::: %4d s  %s\n' "$(($(date +%s) - begun))" "$*" >&2; }

# Archives without their topmost folder.
unpack() {
    local folder=$1 archive
    mkdir -p "$folder"
    for archive in "${@:2}"; do xz -dc -T0 "$archive" | tar -x --strip-components=1 -C "$folder"; done
}

# An engine that answers is used; else the carried one is started, with a network of the host's alone and CDI.
stand_up_engine() {
    if docker --host "$ACCEPTANCE_DOCKER_HOST" info >/dev/null 2>&1; then
        return
    fi
    local engine=$ACCEPTANCE_STATE/engine settings='{}'
    [ -x "$engine/bin/dockerd" ] || unpack "$engine" "$ACCEPTANCE_KIT"/{engine,libraries}.txz
    if [ "$(LD_LIBRARY_PATH=$engine/lib "$engine/bin/dockerd" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 25 ]; then
        settings='{"features": {"cdi": true}, "cdi-spec-dirs": ["'$ACCEPTANCE_STATE'/cdi"]}'
    fi
    echo "$settings" >"$ACCEPTANCE_STATE/daemon.json"
    # Only what the machine lacks comes from the carried libraries.
    env LD_LIBRARY_PATH="$engine/lib" setsid "$engine/bin/dockerd" --config-file "$ACCEPTANCE_STATE/daemon.json" \
        --host "$ACCEPTANCE_DOCKER_HOST" --data-root "$ACCEPTANCE_STATE/docker" --exec-root "$ACCEPTANCE_STATE/run" \
        --pidfile "$ACCEPTANCE_STATE/dockerd.pid" --iptables=false --bridge=none --userland-proxy=false \
        </dev/null >"$ACCEPTANCE_STATE/dockerd.log" 2>&1 &
    for _ in $(seq 100); do
        ! docker info >/dev/null 2>&1 || { say "engine $(docker version --format '{{.Server.Version}}')"; return; }
        sleep 0.2
    done
    tail -5 "$ACCEPTANCE_STATE/dockerd.log" >&2
    return 1
}

# ansible-core in an environment of its own, from carried wheels and by a carried pip.
stand_up_controller() {
    local home=$ACCEPTANCE_STATE/controller pip
    [ ! -x "$home/bin/ansible-playbook" ] && [ -d "$ACCEPTANCE_KIT/wheels" ] || return 0
    pip=$(echo "$ACCEPTANCE_KIT"/wheels/environment/pip-*.whl)
    "$ACCEPTANCE_PYTHON" -m venv --without-pip "$home"
    "$home/bin/python" "$pip/pip" install --quiet --no-index --no-deps --no-cache-dir "$ACCEPTANCE_KIT"/wheels/controller/*.whl
    say "$("$home/bin/ansible" --version | sed -n 1p)"
}

# This machine's own root as an image: its Python with torch is the base that vLLM runs on.
make_base_image() {
    local excluded=()
    while read -r path; do excluded+=("--exclude=$path"); done <"$here/not_in_the_image.txt"
    # On a machine that runs, some file changes while it is read: tar then ends with 1.
    { tar --create --one-file-system "${excluded[@]}" --exclude=".$ACCEPTANCE_STATE" --directory="$ACCEPTANCE_ROOT" . \
        2>"$ACCEPTANCE_STATE/tar.log" || [ $? -eq 1 ]; } |
        docker import - "$BASE_IMAGE" >"$ACCEPTANCE_STATE/base.id.new"
    mv "$ACCEPTANCE_STATE/base.id.new" "$ACCEPTANCE_STATE/base.id"
    say "base image, $(docker image inspect --format '{{.Size}}' "$BASE_IMAGE" | awk '{printf "%.1f GB", $1 / 1e9}')"
}

# vLLM on top of it, as a layer.
make_image() {
    ! docker image inspect "$ACCEPTANCE_IMAGE" >/dev/null 2>&1 || return 0
    local context=$ACCEPTANCE_STATE/context
    mkdir -p "$context"
    cat "$ACCEPTANCE_KIT"/vllm.tar.zst* | LD_LIBRARY_PATH=$ACCEPTANCE_STATE/engine/lib zstd --long=27 -dc >"$context/vllm.tar"
    sed "s|@BASE@|$BASE_IMAGE|; s|@BIN@|$(dirname "$ACCEPTANCE_PYTHON")|; s|@DRIVER@|$ACCEPTANCE_DRIVER_FOLDER|g" "$here/Dockerfile.in" >"$context/Dockerfile"
    # The engine's processes import what started them, and must not start it again.
    printf '#!%s\nimport sys\nfrom vllm.entrypoints.cli.main import main\n\nif __name__ == "__main__":\n    sys.exit(main())\n' \
        "$ACCEPTANCE_PYTHON" >"$context/vllm"
    chmod 755 "$context/vllm"
    wait_for_base
    DOCKER_BUILDKIT=0 docker build --quiet --network none --tag "$ACCEPTANCE_IMAGE" "$context" >/dev/null
    rm -r "$context"
    say "image $ACCEPTANCE_IMAGE"
}

# It may be made by an earlier call that has returned meanwhile.
wait_for_base() {
    for _ in $(seq 300); do
        [ ! -e "$ACCEPTANCE_STATE/base.id" ] || return 0
        sleep 1
    done
    say "the base image was not made: $(tail -3 "$ACCEPTANCE_STATE/base.log" "$ACCEPTANCE_STATE/tar.log")"
    return 1
}

# Folders as of the Hub, less the weights. gpt-oss-120b has the tokenizer of gpt-oss-20b.
make_models() {
    [ ! -e "$ACCEPTANCE_MODELS/gpt-oss-120b/tokenizer.json" ] || return 0
    unpack "$ACCEPTANCE_MODELS" "$ACCEPTANCE_KIT/models.txz"
    cp "$ACCEPTANCE_MODELS"/gpt-oss-20b/{tokenizer,tokenizer_config,generation_config}.json "$ACCEPTANCE_MODELS"/gpt-oss-20b/chat_template.jinja \
        "$ACCEPTANCE_MODELS/gpt-oss-120b/"
}
