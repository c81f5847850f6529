# usage: LOG=FILE daemon.sh started|restarted|reloaded
#
# Cares for dockerd where PID 1 is not systemd: by the init script of its package where there is one, else as a process of
# its own that outlives this connection. Its log is then $LOG.
set -u
pid_file=/var/run/docker.pid
socket=/var/run/docker.sock
PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin

runs() {
    [ -s "$pid_file" ] && [ "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" = dockerd ]
}

# Waits up to a minute until `$@` is true; a dockerd that ended is not waited for.
await() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || return 1
        sleep 0.5
    done
}

answers() {
    runs && [ -S "$socket" ] && docker version >/dev/null 2>&1
}

start() {
    if [ -x /etc/init.d/docker ]; then
        /etc/init.d/docker start
    else
        setsid dockerd >>"$LOG" 2>&1 </dev/null &
    fi
    await answers || {
        echo "Wanted: dockerd that answers at $socket within a minute. Found: $(runs && echo one that does not || echo none)." >&2
        echo "The last lines of $LOG:" >&2
        tail -n 15 "$LOG" >&2
        exit 1
    }
}

stop() {
    kill -TERM "$(cat "$pid_file")"
    await gone
}

gone() {
    ! runs
}

case $1 in
    started) if runs; then echo "nothing to do"; else start; fi ;;
    restarted)
        if runs; then stop; fi
        start
        ;;
    reloaded) kill -HUP "$(cat "$pid_file")" ;;
esac
