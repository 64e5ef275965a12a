"""Remove from an archive of an image what differs from build to build: `normalize.py ARCHIVE TARGET`.

buildah and Podman write names of the containers of the build into the configuration. Layers stay as they are. The target is the
same for the same image, byte by byte, so its checksum proves that the image was built from the same sources.
"""

import hashlib
import io
import json
import sys
import tarfile


def main(archive: str, target: str) -> None:
    with tarfile.open(archive) as old, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as new:
        manifest = json.load(old.extractfile("manifest.json"))
        for image in manifest:
            config = json.dumps(without_names(json.load(old.extractfile(image["Config"]))), indent=1).encode()
            image["Config"] = hashlib.sha256(config).hexdigest() + ".json"
            add(new, image["Config"], io.BytesIO(config), len(config))
            for layer in image["Layers"]:
                member = old.getmember(layer)
                while member.issym() or member.islnk():
                    member = old.getmember(member.linkname.removeprefix("../"))
                add(new, layer, old.extractfile(member), member.size)
        text = json.dumps(manifest).encode()
        add(new, "manifest.json", io.BytesIO(text), len(text))


def without_names(config: dict) -> dict:
    for part in (config, config.get("config", {}), config.get("container_config", {})):
        for name in ("container", "Hostname", "parent", "Image"):
            part.pop(name, None)
    for step in config.get("history", ()):
        step.pop("comment", None)
    return config


def add(archive: tarfile.TarFile, name: str, content: object, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    archive.addfile(member, content)


if __name__ == "__main__":
    main(*sys.argv[1:])
