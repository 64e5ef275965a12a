#!/usr/bin/env bash
# Installs what the tests of images and packages need: mmdebstrap, which makes root file systems of Debian, buildah and Podman with crun and runc.
# Creates a user for rootless containers. Does nothing if all of it is present.
set -euo pipefail
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
missing=()
for program in mmdebstrap buildah podman crun runc; do
  command -v "$program" > /dev/null || [ -x "/usr/sbin/$program" ] || missing+=("$program")
done
# Rootless containers: the user's range of IDs.
if ! command -v newuidmap > /dev/null; then missing+=(uidmap); fi
if [ "${#missing[@]}" -gt 0 ]; then
  if ! command -v apt-get > /dev/null; then
    echo "Tests of images and packages are skipped: they need ${missing[*]}." >&2
    exit 0
  fi
  echo "Installing ${missing[*]} for the tests ..."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi
# Root runs rootless containers as this user, with a range of IDs for them.
user=headcount-tests
if [ "$(id -u)" -eq 0 ] && ! id "$user" > /dev/null 2>&1; then
  useradd --create-home --shell /bin/sh "$user"
  for file in /etc/subuid /etc/subgid; do
    grep -q "^$user:" "$file" 2> /dev/null || echo "$user:1000000:65536" >> "$file"
  done
fi
