# usage: LOG=FILE daemon.sh started|restarted|reloaded
#
# Cares for dockerd where PID 1 is not systemd: by the init script of its package where there is one that works, else as a
# process of its own that outlives this connection. Its output then goes to $LOG, as it does from the init script.
set -u
pid_file=/var/run/docker.pid
socket=/var/run/docker.sock
child=
PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin

runs() {
    [ -s "$pid_file" ] && [ "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" = dockerd ]
}

gone() {
    ! runs
}

answers() {
    runs && [ -S "$socket" ] && docker version >/dev/null 2>&1
}

# True when the process that was started here has ended already.
ended() {
    [ -n "$child" ] && ! grep -q '^State:[[:space:]]*[^Z]' "/proc/$child/status" 2>/dev/null
}

# Waits up to a minute until `$@` is true.
await() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        if [ "$tries" -ge 120 ] || ended; then return 1; fi
        sleep 0.5
    done
}

start() {
    if ! { [ -x /etc/init.d/docker ] && /etc/init.d/docker start; }; then
        setsid dockerd >>"$LOG" 2>&1 </dev/null &
        child=$!
    fi
    await answers && return
    if runs; then found="one that does not answer"; else found="none that runs"; fi
    echo "Wanted: dockerd that answers at $socket within a minute. Found: $found. The end of $LOG:" >&2
    tail -n 15 "$LOG" >&2
    exit 1
}

stop() {
    kill -TERM "$(cat "$pid_file")"
    await gone
}

case $1 in
    started) if runs; then echo "nothing to do"; else start; fi ;;
    restarted)
        if runs; then stop; fi
        start
        ;;
    reloaded) kill -HUP "$(cat "$pid_file")" ;;
esac
