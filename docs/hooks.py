"""MkDocs hooks of the documentation site: pages of the repository's root, links that leave docs/, navigation of folders.

They know the layout of the repository and nothing of what the pages contain.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages that code hosts expect at the root of a repository, and where the site shows them."""
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!\w+:|#)([^)#\s]*)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Replace each `folder/*` of the navigation with the pages of the folder."""
    config.nav = [_expanded(entry, Path(config.docs_dir)) for entry in config.nav]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root."""
    for name, target in ROOT_PAGES.items():
        content = _links_within_docs((ROOT / name).read_text("utf-8"), name, target)
        files.append(File.generated(config, target, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page with links that work on the site."""
    path = page.file.src_uri
    return markdown if path in ROOT_PAGES.values() else _links_within_docs(markdown, f"docs/{path}", path)


def _expanded(entry: Any, docs: Path) -> Any:
    if isinstance(entry, dict):
        ((title, value),) = entry.items()
        if isinstance(value, list):
            return {title: [_expanded(one, docs) for one in value]}
        if value.endswith("/*"):
            return {title: list(_pages_of(docs, value[:-2]))}
    return entry


def _pages_of(docs: Path, folder: str) -> Iterator[str]:
    """Yield the pages of a folder by name, its index first."""
    names = {path.name for path in (docs / folder).glob("*.md")}
    indexes = names & {"README.md", "index.md"}
    yield from (f"{folder}/{name}" for name in [*indexes, *sorted(names - indexes, key=str.lower)])


def _links_within_docs(markdown: str, source: str, target: str) -> str:
    """Return the text of the file `source` of the repository with links for the page `target` of the site.

    Links to files that the site does not have become code: the site knows no code host.
    """

    def link(match: re.Match[str]) -> str:
        text, path, anchor = match[1], match[2], match[3] or ""
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if path.startswith("/") or there.startswith(".."):
            return match[0]  # MkDocs reports it
        if there in ROOT_PAGES:
            page = ROOT_PAGES[there]
        elif there.startswith("docs/"):
            page = there.removeprefix("docs/")
            page = page if (ROOT / there).is_file() or not _index_of(there) else f"{page}/{_index_of(there)}"
        elif (ROOT / there).exists():
            return text if text.startswith("`") else f"{text} (`{there}`)"
        else:
            return match[0]
        return f"[{text}]({os.path.relpath(page, posixpath.dirname(target) or '.')}{anchor})"

    return _LINK.sub(link, markdown)


def _index_of(folder: str) -> str:
    return next((name for name in ("README.md", "index.md") if (ROOT / folder / name).is_file()), "")
