#!/usr/bin/env bash
# Installs the servers that the tests start: PostgreSQL. Does nothing where they are.
set -euo pipefail
if compgen -G "/usr/lib/postgresql/*/bin/initdb" > /dev/null || command -v initdb > /dev/null; then
  exit 0
fi
if ! command -v apt-get > /dev/null; then
  echo "The tests start a PostgreSQL server: install one (14 or newer), with initdb on the PATH." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
echo "Installing PostgreSQL for the tests ..."
"${as_root[@]}" apt-get update -qq
# The package would start a server of its own, which nobody needs.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common > /dev/null
"${as_root[@]}" sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql > /dev/null
