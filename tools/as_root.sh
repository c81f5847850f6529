# Sourced. as_root COMMAND: run it as root, by sudo where that asks no password; else say so and end.
# The script that sources this defines without_root, which says on standard output what was wanted and what to do.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        without_root >&2
        exit 1
    fi
}
