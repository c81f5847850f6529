# Stop the units that are given as arguments; with UNLOAD=yes take NVIDIA's modules out of the kernel after that.
# Status 3: something still uses them. The new driver then comes with a reboot.
set -u

if [ $# -gt 0 ]; then
    systemctl stop "$@" || exit 1
fi
[ "${UNLOAD:-}" = yes ] || exit 0
for module in gdrdrv nvidia_peermem nvidia_fs nvidia_uvm nvidia_drm nvidia_modeset nvidia; do
    [ -d "/sys/module/$module" ] || continue
    modprobe --remove "$module" || exit 3
done
