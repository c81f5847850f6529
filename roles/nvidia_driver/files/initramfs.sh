# Make the initial RAM disk of the running kernel anew, with whatever the system makes it; some systems have none.
set -u

if command -v update-initramfs >/dev/null 2>&1; then
    update-initramfs -u
elif command -v dracut >/dev/null 2>&1; then
    dracut --force
fi
