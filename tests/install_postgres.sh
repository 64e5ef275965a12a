#!/usr/bin/env bash
# Installs the PostgreSQL server that the tests and a cluster on this machine start. Does nothing if there is one.
set -euo pipefail
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
if compgen -G "/usr/lib/postgresql/*/bin/initdb" > /dev/null || command -v initdb > /dev/null; then
  exit 0
fi
if ! command -v apt-get > /dev/null; then
  echo "A PostgreSQL server is started: install one (14 or newer), with initdb on the PATH." >&2
  exit 1
fi
echo "Installing PostgreSQL ..."
"${as_root[@]}" apt-get update -qq
# Do not let the package start its server.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common > /dev/null
"${as_root[@]}" sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql > /dev/null
