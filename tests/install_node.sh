#!/usr/bin/env bash
# Installs the vendors' libraries for Node.js in the versions of tests/node/package.json. Does nothing if they are installed.
set -euo pipefail
cd "$(dirname "$0")/node"
if [ -f node_modules/.installed ] && cmp -s package.json node_modules/.installed; then
  exit 0
fi
if ! command -v npm > /dev/null; then
  if ! command -v apt-get > /dev/null; then
    echo "The tests use vendors' libraries for Node.js: install Node.js 18 or newer, with npm." >&2
    exit 1
  fi
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  echo "Installing Node.js for the tests ..."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm > /dev/null
fi
npm install --silent --no-package-lock --ignore-scripts --no-audit --no-fund > /dev/null
cp package.json node_modules/.installed
