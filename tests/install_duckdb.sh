#!/usr/bin/env bash
# Installs a DuckDB with the extensions that read SQLite and PostgreSQL into build/duckdb. The extensions come as packages, for their own version of
# DuckDB, which is not that of the tests. Does nothing if they are present.
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.5.5
if [ ! -e "build/duckdb/duckdb-$version.dist-info" ]; then
  echo "Installing DuckDB $version with extensions for the tests ..."
  rm -rf build/duckdb.part
  .venv/bin/python -m pip install -q --no-deps --target build/duckdb.part "duckdb==$version" \
    "duckdb-extension-sqlite-scanner==$version" "duckdb-extension-postgres-scanner==$version"
  rm -rf build/duckdb
  mv build/duckdb.part build/duckdb
fi
