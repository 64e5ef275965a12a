#!/usr/bin/env bash
# Installs what the tests of images and packages need: mmdebstrap, which makes root file systems of Debian, buildah and Podman with crun and runc.
# Does nothing if they are present.
set -euo pipefail
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
missing=()
for program in mmdebstrap buildah podman crun runc; do
  command -v "$program" > /dev/null || [ -x "/usr/sbin/$program" ] || missing+=("$program")
done
# Rootless containers: the user's range of IDs.
if ! command -v newuidmap > /dev/null; then missing+=(uidmap); fi
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
if ! command -v apt-get > /dev/null; then
  echo "Tests of images and packages are skipped: they need ${missing[*]}." >&2
  exit 0
fi
echo "Installing ${missing[*]} for the tests ..."
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
