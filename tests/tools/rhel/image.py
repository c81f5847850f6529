"""Make the image of a test host that looks like Rocky Linux: gpt-oss-fleet/bare:rhel9, gpt-oss-fleet/bare:rhel10.

usage: image.py [rhel9|rhel10 ...]

SIMULATED: it is Debian 12 with dnf, rpm and an /etc/os-release that names Rocky Linux; apt is taken away. dnf, rpm,
their plugins and their files are real (dnf 4.14, as in RHEL 9), and so are systemd, sshd and Python. SELinux, dracut
and all other programs of RHEL are not there. What runs here has met dnf, not RHEL.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "repositories"))
import debian

BASE = "gpt-oss-fleet/bare:debian12"
RELEASES = {"rhel9": "9.6", "rhel10": "10.0"}
PACKAGES = ["dnf", "rpm", "createrepo-c", "dnf-plugins-core", "gpg", "gpg-agent"]
CACHE = Path(os.environ.get("GPT_OSS_FLEET_CACHE") or Path.home() / ".cache/gpt_oss_fleet")
LABEL = "org.gpt-oss-fleet.recipe"

CONFIGURE = """\
set -eu
export DEBIAN_FRONTEND=noninteractive
rm -f /etc/apt/sources.list
cd /packages
apt-get install -qq -y --no-install-recommends {files}
for name in apt apt-get apt-cache apt-mark; do mv "/usr/bin/$name" "/usr/lib/apt/$name.of-debian"; done

cat > /usr/lib/os-release <<'END'
NAME="Rocky Linux"
VERSION="{version} (simulated)"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="{version}"
PLATFORM_ID="platform:el{major}"
PRETTY_NAME="Rocky Linux {version} (simulated on Debian 12)"
END
# By these files Ansible tells Debian's family from Red Hat's.
rm -f /etc/debian_version
echo "Rocky Linux release {version} (simulated)" > /etc/redhat-release
mkdir -p /etc/yum.repos.d /etc/pki/rpm-gpg /etc/rpm
cat > /etc/dnf/dnf.conf <<'END'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
END
# Debian keeps rpm's database in the home folder of who runs it.
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
rpm --initdb
cat > /etc/yum.repos.d/distribution.repo <<'END'
[distribution]
name=distribution
baseurl=file:///srv/repositories/distribution/rhel{major}
gpgcheck=1
gpgkey=file:///srv/repositories/distribution/key.asc
END
sed -i 's/^enabled.*/enabled = false/' /etc/dnf/plugins/local.conf
printf '#!/bin/sh\\nexit 0\\n' > /usr/bin/dracut
chmod 755 /usr/bin/dracut

# What packages of RHEL find there already.
cat > /tmp/base.spec <<'END'
Name: rocky-release
Version: {version}
Release: 1.el{major}
Summary: what the simulated system has
License: none
BuildArch: noarch
Provides: system-release = {version}-1, system-release(releasever) = {major}, /bin/sh, systemd, libseccomp
%description
Stands for all that Debian brings.
%files
END
rpmbuild --quiet -bb /tmp/base.spec
rpm --force-debian --install /root/rpmbuild/RPMS/noarch/rocky-release-*.rpm
rm -rf /tmp/base.spec /root/rpmbuild
rm -rf /var/cache/apt/* /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
"""


def docker(*arguments: str, stdin: str = "") -> str:
    """Run docker; returns its output."""
    done = subprocess.run(["docker", *arguments], input=stdin, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"docker {arguments[0]} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout.strip()


def label(image: str) -> str:
    """Return the recipe that an image was made by, empty when there is no such image."""
    command = ["docker", "image", "inspect", "--format", f'{{{{ index .Config.Labels "{LABEL}" }}}}', image]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def make(system: str) -> None:
    """Make the image of one release."""
    image, version = f"gpt-oss-fleet/bare:{system}", RELEASES[system]
    digest = hashlib.sha256(f"{label(BASE)} {CONFIGURE} {PACKAGES} {version}".encode()).hexdigest()[:16]
    if label(image) == digest:
        print(f"{image} is up to date")
        return
    archive = CACHE / "packages-debian12"
    files = " ".join(f"./{path.name}" for path in debian.download_with_needs("debian12", [PACKAGES], archive))
    script = CONFIGURE.format(files=files, version=version, major=version.split(".")[0])
    mount = f"{archive}:/packages:ro"
    container = docker("create", "--interactive", "--network=none", f"--volume={mount}", "--entrypoint=sh", BASE)
    try:
        docker("start", "--attach", "--interactive", container, stdin=script)
        entry = 'ENTRYPOINT ["/sbin/init"]'
        docker("commit", f"--change={entry}", f"--change=LABEL {LABEL}={digest}", container, image)
    finally:
        docker("rm", "--force", container)
    print(f"Made {image}")


def main() -> None:
    """Make the images that the command line names."""
    systems = sys.argv[1:] or list(RELEASES)
    if unknown := [system for system in systems if system not in RELEASES]:
        raise SystemExit(f"Wanted: some of {', '.join(RELEASES)}. Found: {', '.join(unknown)}.")
    subprocess.run([str(Path(__file__).parents[1] / "host_image.sh"), "bare", "debian12"], check=True)
    for system in systems:
        make(system)


if __name__ == "__main__":
    main()
