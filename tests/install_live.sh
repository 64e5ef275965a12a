#!/usr/bin/env bash
# Installs the servers that the live tests start, from Debian's packages. Does nothing if they are installed.
set -euo pipefail
# Mumble's interface includes files of zeroc-ice-slice, which no other package brings.
missing=()
for package in janus prosody mumble-server python3-zeroc-ice zeroc-ice-slice; do
  dpkg-query --show --showformat '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if ! command -v apt-get > /dev/null; then
  echo "Some live tests are skipped: they need ${missing[*]}." >&2
  exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
echo "Installing ${missing[*]} for the live tests ..."
"${as_root[@]}" apt-get update -qq
# Do not let the packages start their servers.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
