#!/usr/bin/env bash
# Installs what a cluster on this machine needs, in build/cluster: Java and Maven from Debian, a Kafka broker and Spark's
# connector to it from Maven, and an environment of its own for Spark, which needs an older pandas. Does nothing if all is present.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
here="$root/build/cluster"
mkdir -p "$here"
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
missing=()
if ! command -v java > /dev/null; then missing+=(default-jdk-headless); fi
if ! command -v mvn > /dev/null; then missing+=(maven); fi
if [ "${#missing[@]}" -gt 0 ]; then
  if ! command -v apt-get > /dev/null; then
    echo "A cluster needs Java 17 and Maven: install both, with java and mvn on the PATH." >&2
    exit 1
  fi
  echo "Installing ${missing[*]} ..."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi
for part in kafka connector; do
  if [ ! -e "$here/$part/.installed" ]; then
    echo "Downloading the jars of ${part} ..."
    mvn -q -B -f "$root/tests/spark/$part-pom.xml" dependency:copy-dependencies -DoutputDirectory="$here/$part"
    touch "$here/$part/.installed"
  fi
done
if [ "$here/venv/.installed" -ot "$root/pyproject.toml" ]; then
  echo "Installing Spark into build/cluster/venv. This takes about two minutes ..."
  "${PYTHON:-python3}" -m venv "$here/venv"
  "$here/venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$root/constraints-spark.txt" \
    --editable "$root[spark]" pytest hypothesis pytest-timeout
  touch "$here/venv/.installed"
fi
