"""The OpenAPI document as a page to read, and as an index for language models (llmstxt.org).

Responsible for HTML with its own style, which loads nothing from elsewhere. It must not know operations beyond the
document.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from headcount.http.openapi import ABOUT, TITLE, ref
from headcount.http.params import Schema

_KEY: Final = (
    "Send your API key with every request: <code>Authorization: Bearer KEY</code>."
    ' The OpenAPI document: <a href="openapi.json">openapi.json</a>.'
)


# Hides the operations and the links whose text does not contain all words of the search field.
_SEARCH: Final = """
const field = document.querySelector('[type=search]'), none = document.querySelector('.none');
const items = [...document.querySelectorAll('[data-text]')], groups = [...document.querySelectorAll('[data-group]')];
field.closest('form').hidden = false;
field.form.addEventListener('submit', event => event.preventDefault());
field.addEventListener('input', () => {
  const words = field.value.toLowerCase().split(/\\s+/);
  for (const item of items) item.hidden = !words.every(word => item.dataset.text.includes(word));
  for (const group of groups) group.hidden = !group.querySelector('[data-text]:not([hidden])');
  none.hidden = items.some(item => !item.hidden);
});
document.addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement !== field) { event.preventDefault(); field.focus(); }
});
"""


_SEARCH_FORM: Final = (
    '<form role="search" hidden><label>Search operations'
    '<input type="search" autocomplete="off" placeholder="attendance, POST, webhook …"></label></form>'
)


def page(prefix: str, version: str, document: Mapping[str, Any]) -> str:
    """Return the page of a document."""
    style = (files("headcount.http") / "openapi.css").read_text("utf-8")
    groups = _groups(prefix, document)
    schemas = document["components"]["schemas"]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{TITLE} API</title><style>{style}</style></head><body>",
            f"<header><h1>{TITLE} API <small>{escape(version)}</small></h1><p>{_prose(ABOUT)}</p>",
            f"<p>{_KEY}</p></header>",
            _SEARCH_FORM,
            f"<nav>{''.join(_link_group(tag, operations) for tag, operations in groups.items())}</nav><main>",
            '<p class="none" hidden>No operations match this search. Try another word.</p>',
            *(part for tag, operations in groups.items() for part in _group(tag, operations)),
            f"<h2>Schemas</h2>{''.join(_schema_section(name, schema) for name, schema in schemas.items())}",
            f"</main><script>{_SEARCH}</script></body></html>",
        ]
    )


def index(prefix: str, version: str, document: Mapping[str, Any]) -> str:
    """Return llms.txt: each operation of a document with a link to its place on the page."""
    parts = [
        f"# {TITLE} API {version}",
        f"> {ABOUT}",
        "Send your API key with every request: `Authorization: Bearer KEY`. [OpenAPI document](openapi.json).",
    ]
    for tag, operations in _groups(prefix, document).items():
        lines = [
            f"- [{operation['operationId']}](docs#{operation['operationId']}): `{method} {path}`. {operation['summary']}."
            for path, method, operation in operations
        ]
        parts.append("\n".join([f"## {tag}", "", *lines]))
    return "\n\n".join(parts) + "\n"


def _groups(prefix: str, document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Schema]]]:
    """Return path, method and description of each operation by its tag."""
    groups: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((prefix + path, method.upper(), operation))
    return groups


def _link_group(tag: str, operations: Iterable[tuple[str, str, Schema]]) -> str:
    links = "".join(_link(*operation) for operation in operations)
    return f'<div data-group><b><a href="#tag-{escape(tag)}">{escape(tag)}</a></b>{links}</div>'


def _group(tag: str, operations: Iterable[tuple[str, str, Schema]]) -> Iterator[str]:
    yield f'<div data-group><h2 id="tag-{escape(tag)}">{escape(tag)}</h2>'
    for operation in operations:
        yield from _section(*operation)
    yield "</div>"


def _link(path: str, method: str, operation: Schema) -> str:
    return (
        f'<a href="#{escape(operation["operationId"])}" data-text="{_search_text(path, method, operation)}">'
        f'<b class="{method.lower()}">{method}</b> {escape(path)} <span>{escape(operation["summary"])}</span></a>'
    )


def _search_text(path: str, method: str, operation: Schema) -> str:
    """Return what the search looks at, in lower case."""
    names = [param["name"] for param in operation.get("parameters", ())]
    texts = (method, path, operation["operationId"], operation["summary"], operation["description"], *names)
    return escape(" ".join(texts).lower())


def _section(path: str, method: str, operation: Schema) -> Iterator[str]:
    text = _search_text(path, method, operation)
    yield f'<section id="{escape(operation["operationId"])}" data-text="{text}"><h3>{escape(operation["summary"])}</h3>'
    yield f'<p class="route"><b class="{method.lower()}">{method}</b> <code>{escape(path)}</code></p>'
    yield f"<p>{_prose(operation['description'])}</p>"
    if operation.get("parameters"):
        yield '<div class="wide"><table><thead><tr><th>Parameter</th><th>Type</th><th>Description</th></tr></thead><tbody>'
        for param in operation["parameters"]:
            note = "" if param["in"] == "query" else f" <i>{param['in']}</i>"
            yield _row(param["name"], param["schema"], param["description"], note)
        yield "</tbody></table></div>"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, <code>{escape(media_type)}</code>: {_type(content['schema'])}</p>"
    responses = operation["responses"]
    for status, response in responses.items():
        for content in response.get("content", {}).values():
            yield f"<p>Response {escape(status)}: {_type(content['schema'])}</p>"
    errors = ", ".join(status for status, response in responses.items() if "$ref" in response)
    yield f'<p class="quiet">Errors {escape(errors)}: {_type(ref("Error"))}</p></section>'


def _schema_section(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = "".join(
        _row(field, type_, type_.get("description", ""), "" if field in required else " <i>optional</i>")
        for field, type_ in schema.get("properties", {}).items()
    )
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
        f'<div class="wide"><table><tbody>{rows}</tbody></table></div></section>'
    )


def _row(name: str, schema: Schema, description: str, note: str) -> str:
    default = f" Default: `{json.dumps(schema['default'])}`." if "default" in schema else ""
    return (
        f"<tr><td><code>{escape(name)}</code>{note}</td><td>{_type(schema)}</td>"
        f"<td>{_prose(description + default)}</td></tr>"
    )


def _type(schema: Schema) -> str:
    """Return a schema in a few words."""
    return _type_without_null(schema) + (" or null" if schema.get("nullable") else "")


def _type_without_null(schema: Schema) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema or "allOf" in schema:
        members = schema.get("anyOf") or schema["allOf"]
        return " or ".join(dict.fromkeys(map(_type, members)))
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"by name: {_type(schema['additionalProperties'])}"
    if "enum" in schema:
        return ", ".join(
            f"<code>{escape(str(value))}</code>" for value in schema["enum"] if value is not None
        )
    format_ = f", {schema['format']}" if "format" in schema else ""
    return escape(schema.get("type", "anything") + format_)


def _prose(text: str) -> str:
    """Return text in which backticks mark code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
