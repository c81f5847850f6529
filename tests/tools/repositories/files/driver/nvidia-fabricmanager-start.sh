#!/bin/sh
# Stub of the script that starts the fabric manager: it looks for what the real one looks for, and says what that says.
set -u

if grep -qs SW_MNG /sys/class/infiniband/*/device/vpd; then
    echo "Detected NVL5+ system"
    if [ ! -d /sys/module/ib_umad ]; then
        echo 'Kernel module "ib_umad" has not been loaded, fabric manager cannot start' >&2
        echo "Please run 'modprobe ib_umad' before starting fabric manager" >&2
        exit 1
    fi
    if ! command -v ibstat >/dev/null; then
        echo "ibstat is not in PATH, fabric manager cannot start" >&2
        exit 1
    fi
    if [ ! -x /opt/nvidia/nvlsm/sbin/nvlsm ]; then
        echo "/opt/nvidia/nvlsm/sbin/nvlsm does not exist" >&2
        exit 1
    fi
    /opt/nvidia/nvlsm/sbin/nvlsm || exit 1
else
    echo "Detected Pre-NVL5 system"
fi
/usr/bin/nv-fabricmanager --check || exit 1
/usr/bin/nv-fabricmanager &
echo $! > /run/nvidia-fabricmanager/nv-fabricmanager.pid
echo 'Started "Nvidia Fabric Manager"'
