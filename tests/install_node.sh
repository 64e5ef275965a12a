#!/usr/bin/env bash
# Installs what vendors publish for Node to check their webhooks with. Does nothing where it is.
set -euo pipefail
cd "$(dirname "$0")/node"
if [ node_modules/.installed -nt package.json ]; then
  exit 0
fi
if ! command -v npm > /dev/null; then
  if ! command -v apt-get > /dev/null; then
    echo "The tests run some code of vendors in Node: install it (18 or newer), with npm." >&2
    exit 1
  fi
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm > /dev/null
fi
echo "Installing what vendors publish for Node ..."
npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts
touch node_modules/.installed
