#!/bin/sh
# Installs into /opt/headcount of the image: `install.sh dependencies EXTRAS`, then `install.sh headcount`.
# If there are wheels in wheels/, nothing is loaded from a network.
set -eu
target=/opt/headcount
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_CONSTRAINT=/src/constraints.txt
if ls wheels/*.whl > /dev/null 2>&1; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=/src/wheels; fi
install() { /pip/bin/pip --python "$target/bin/python" install --quiet --no-compile "$@"; }

case $1 in
  dependencies)
    python3 - "$2" > /requirements.txt <<'PYTHON'
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = [name for name in sys.argv[1].split(",") if name]
print(*project["dependencies"], *(one for name in extras for one in project["optional-dependencies"][name]), sep="\n")
PYTHON
    install --requirement /requirements.txt
    ;;
  headcount)
    install --no-deps .
    cp healthcheck "$target/bin/healthcheck"
    # Compiled once, in a fixed order and without the times of the sources, so that each build gives the same bytes.
    PYTHONHASHSEED=0 python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash "$target/lib"
    ;;
esac
