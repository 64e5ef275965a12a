#!/usr/bin/env bash
# Builds the container image headcount:VERSION, and writes it as dist/headcount-VERSION-image.tar, which `podman load` and `docker load` read.
# It uses buildah, Podman or Docker, and passes its arguments on to the build.
# The same sources, base and wheels give the same bytes. Variables:
#   BASE=IMAGE      base image with Python and its venv module (default: that of the Containerfile)
#   EXTRAS=a,b      extras of the package (default: postgres)
#   WHEELS=3.13     download the dependencies for this Python here, so that the build itself needs no network; or a folder that has them
#   ENGINE=NAME     buildah, podman or docker (default: the first that exists)
#   OUTPUT=FILE     where the archive is written; empty for none
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml" | head -1)
revision=$(git -C "$root" rev-parse HEAD 2> /dev/null || echo unknown)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2> /dev/null || date +%s)}
output=${OUTPUT-$root/dist/headcount-$version-image.tar}
image=localhost/headcount:$version
engine=${ENGINE:-}
for name in buildah podman docker; do
  if [ -z "$engine" ] && command -v "$name" > /dev/null; then engine=$name; fi
done
[ -n "$engine" ] || { echo "Building the image needs podman, buildah or docker. On Debian: apt install podman" >&2; exit 1; }

# A copy of what the Containerfile needs, with the modes of a fresh clone: caches and a umask change nothing in the image.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
tar -C "$root" --exclude=__pycache__ --exclude='*.pyc' --exclude='*.whl' -c \
  Containerfile .dockerignore pyproject.toml constraints.txt README.md LICENSE src deploy/image | tar -C "$context" --no-same-owner -x
chmod -R u=rwX,go=rX "$context"
if [ -d "${WHEELS:-}" ]; then
  cp "$WHEELS"/*.whl "$context/deploy/image/wheels"
elif [ -n "${WHEELS:-}" ]; then
  "${PYTHON:-python3}" "$root/deploy/image/wheels.py" "$WHEELS" "${EXTRAS-postgres}" "$context/deploy/image/wheels"
fi

arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
if [ -n "${BASE:-}" ]; then arguments+=(--build-arg "BASE=$BASE"); fi
if [ -n "${EXTRAS+set}" ]; then arguments+=(--build-arg "EXTRAS=$EXTRAS"); fi
echo "Building $image with $engine ..." >&2
case $engine in
  docker)
    docker build --quiet --tag "$image" --build-arg SOURCE_DATE_EPOCH "${arguments[@]}" "$@" --file "$context/Containerfile" "$context" > /dev/null
    ;;
  *)
    # The format of Docker knows health checks, that of OCI does not.
    build=("$engine" build)
    if [ "$engine" = buildah ]; then build=(buildah build --isolation chroot); fi
    "${build[@]}" --quiet --format docker --layers=false --timestamp "$SOURCE_DATE_EPOCH" --tag "$image" "${arguments[@]}" \
      "$@" --file "$context/Containerfile" "$context" > /dev/null
    ;;
esac
if [ -z "$output" ]; then exit 0; fi
mkdir -p "$(dirname "$output")"
rm -f "$output"
case $engine in
  docker) docker save --output "$output" "$image" ;;
  podman) podman save --quiet --format docker-archive --output "$context/image.tar" "$image" ;;
  buildah) buildah push --quiet "$image" "docker-archive:$context/image.tar:$image" ;;
esac
if [ "$engine" != docker ]; then python3 "$root/deploy/image/normalize.py" "$context/image.tar" "$output"; fi
echo "$output"
