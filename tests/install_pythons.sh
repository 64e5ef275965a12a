#!/usr/bin/env bash
# Installs what the tests of packages need: Python 3.12 and 3.13, pip, uv and pipx, and a local index of the wheels that
# Headcount needs on each Python. All of it is below build/. Does nothing if it is present.
set -euo pipefail
cd "$(dirname "$0")/.."
root="$PWD"
pythons="$root/build/pythons"
tools="$root/build/installers"
wheels="$root/build/wheelhouse"
python="$root/.venv/bin/python"
unfinished="$pythons/unfinished"

# Builds of Python that need nothing of the system, from a Go module: it has the files of an installation, partly compressed.
install_python() {
  local minor="$1" version="$2" go=go
  if [ -x "$pythons/$minor/bin/python$minor" ]; then return; fi
  if ! command -v go > /dev/null; then go="$root/build/go/go/bin/go"; fi
  if ! command -v "$go" > /dev/null; then
    echo "Tests on Python $minor need Go, which tests/install_servers.sh installs: run it first." >&2
    exit 1
  fi
  echo "Installing Python $minor for the tests ..."
  rm -rf "$unfinished"
  mkdir -p "$unfinished"
  (
    cd "$unfinished"
    export GOMODCACHE="$unfinished/modules" GOFLAGS=-modcacherw GOTOOLCHAIN=local
    "$go" mod download "github.com/kluctl/go-embed-python@v0.0.0-$version"
    mv "modules/github.com/kluctl/go-embed-python@v0.0.0-$version/python/internal/data/linux-$(architecture)" "$minor"
    find "$minor" -name '*.gz' -exec gunzip {} +
    chmod +x "$minor"/bin/* "$minor"/lib/*.so*
    rm -rf "${pythons:?}/$minor"
    mv "$minor" "$pythons/"
  )
  rm -rf "$unfinished"
}

architecture() {
  case "$(uname -m)" in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

install_python 3.12 3.12.3-20240415-1
install_python 3.13 3.13.1-20241219-1
ln -sfn "$("$python" -c 'import sys; print(sys.base_prefix)')" "$pythons/3.11"

if [ ! -x "$tools/bin/uv" ] || [ ! -x "$tools/bin/pipx" ]; then
  echo "Installing uv and pipx for the tests ..."
  "$python" -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt pip uv pipx
fi

if [ ! -e "$wheels/.complete" ] || [ pyproject.toml -nt "$wheels/.complete" ] || [ constraints.txt -nt "$wheels/.complete" ]; then
  echo "Fetching the wheels of the local index for the tests ..."
  rm -rf "$wheels"
  mkdir -p "$wheels"
  "$python" - > "$wheels/requirements.txt" << 'END'
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
print(*project["dependencies"], *extras["mcp"], *extras["postgres"], "pip", sep="\n")
END
  for minor in 3.11 3.12 3.13; do
    "$tools/bin/pip" --python "$pythons/$minor/bin/python$minor" download --quiet --disable-pip-version-check --only-binary :all: \
      --constraint constraints.txt --dest "$wheels" --requirement "$wheels/requirements.txt"
  done
  touch "$wheels/.complete"
fi
