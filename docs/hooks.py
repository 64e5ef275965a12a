"""MkDocs hooks of the documentation site: pages of the repository's root, links that leave docs/, navigation of folders, llms.txt.

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
OPTIONAL = ("Decisions", "About")
"""Sections of the navigation that readers with little space can skip. llmstxt.org has a section of this name for them."""
_TITLE = re.compile(r"\s*# (.+)\n")
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
    if path not in ROOT_PAGES.values():
        markdown = _links_within_docs(markdown, f"docs/{path}", path)
    _markdown[path] = markdown
    return markdown


def on_nav(nav: Any, **_: Any) -> Any:
    """Note the sections and their pages, for llms.txt."""
    _sections.clear()
    for item in nav.items:
        _note_pages(item, nav.items[0].title if item.is_page else "")
    return nav


def on_post_build(config: Any) -> None:
    """Write the pages as Markdown beside the HTML, an index of them (llms.txt), and all in one file (llms-full.txt)."""
    site = Path(config.site_dir)
    for path, markdown in _markdown.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(markdown, "utf-8")
    ordered = [path for pages in _sections.values() for path in pages]
    full = "\n\n".join(
        f"<!-- {path} -->\n\n{_links_from_root(_markdown[path], path).strip()}" for path in ordered
    )
    (site / "llms-full.txt").write_text(full + "\n", "utf-8")
    (site / "llms.txt").write_text(_index_of_pages(config.site_name, config.site_description), "utf-8")


_markdown: dict[str, str] = {}
_sections: dict[str, list[str]] = {}


def _note_pages(item: Any, section: str) -> None:
    """Put the pages below an item of the navigation into the section with their titles."""
    if item.is_page:
        _sections.setdefault(section, []).append(item.file.src_uri)
    for child in item.children or ():
        title = item.title if not section or section == item.title else f"{section}: {item.title}"
        _note_pages(child, "Optional" if item.title in OPTIONAL else title)


def _index_of_pages(name: str, description: str) -> str:
    """Return llms.txt: each page by section, with its title and its first sentence."""
    parts = [f"# {name}", f"> {description}", "All pages in one file: [llms-full.txt](llms-full.txt)."]
    for section, paths in sorted(_sections.items(), key=lambda entry: entry[0] == "Optional"):
        lines = [f"- [{_title(_markdown[path])}]({path}){_summary(_markdown[path])}" for path in paths]
        parts.append("\n".join([f"## {section}", "", *lines]))
    return "\n\n".join(parts) + "\n"


def _title(markdown: str) -> str:
    found = _TITLE.match(markdown)
    assert found, "a page starts with its title"
    return found[1]


def _summary(markdown: str) -> str:
    """Return the first sentence of the paragraph after the title, or nothing if something else follows."""
    paragraph = _TITLE.sub("", markdown, count=1).lstrip().split("\n\n")[0]
    if re.match(r"#|\||```|\*\*Status|!|<|[-*] |\d\. |$", paragraph):
        return ""
    text = re.sub(r"^\*\*\w+\.\*\* ", "", " ".join(paragraph.split()))
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return f": {re.split(r'(?<=[.?]) ', text)[0].rstrip(':')}"


def _links_from_root(markdown: str, path: str) -> str:
    """Return a page with links that are relative to the root of the site."""
    folder = posixpath.dirname(path)

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2])) if match[2] else path
        return f"[{match[1]}]({target}{match[3] or ''})"

    return _LINK.sub(link, markdown)


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
