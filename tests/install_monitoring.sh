#!/usr/bin/env bash
# Unpacks Prometheus with promtool, which the tests of dashboards and alert rules start. Its package would start a server, so
# only its files are unpacked. Does nothing if they are present.
set -euo pipefail
monitoring="$(cd "$(dirname "$0")/.." && pwd)/build/monitoring"
if { command -v prometheus && command -v promtool; } > /dev/null || [ -x "$monitoring/usr/bin/promtool" ]; then
  exit 0
fi
if ! command -v apt-get > /dev/null; then
  echo "The tests of dashboards start Prometheus: install it, with prometheus and promtool on the PATH." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
echo "Unpacking Prometheus for the tests ..."
mkdir -p "$monitoring"
"${as_root[@]}" apt-get update -qq
(cd "$monitoring" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" prometheus)
dpkg-deb -x "$monitoring"/prometheus_*.deb "$monitoring"
rm "$monitoring"/prometheus_*.deb
