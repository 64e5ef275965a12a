"""Openapi page: the OpenAPI document of our routes as a page to read."""

from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from headcount.http.openapi import ABOUT, TITLE, ref
from headcount.http.params import Schema

_KEY: Final = (
    "Send your API key with every request: <code>Authorization: Bearer KEY</code>."
    ' The same as a document for programs: <a href="/openapi.json">openapi.json</a>.'
)


def page(prefix: str, version: str, document: Mapping[str, Any]) -> str:
    """A document as a page of HTML, with its own style and nothing from elsewhere."""
    style = (files("headcount.http") / "openapi.css").read_text("utf-8")
    routes = [
        (prefix + path, method, one)
        for path, ways in document["paths"].items()
        for method, one in ways.items()
    ]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{TITLE} API</title><style>{style}</style></head><body>",
            f"<header><h1>{TITLE} API <small>{escape(version)}</small></h1><p>{_prose(ABOUT)}</p>",
            f"<p>{_KEY}</p></header>",
            f"<nav>{''.join(_link(*route) for route in routes)}</nav><main>",
            *(part for route in routes for part in _section(*route)),
            f"<h2>What the answers are made of</h2>{''.join(_shape(*one) for one in document['components']['schemas'].items())}",
            "</main></body></html>",
        ]
    )


def _link(path: str, method: str, one: Schema) -> str:
    return f'<a href="#{escape(one["operationId"])}"><b class="{method}">{method}</b> {escape(path)}</a>'


def _section(path: str, method: str, one: Schema) -> Iterator[str]:
    yield f'<section id="{escape(one["operationId"])}"><h2>{escape(one.get("summary", ""))}</h2>'
    yield f'<p class="route"><b class="{method}">{method}</b> <code>{escape(path)}</code></p>'
    yield f"<p>{_prose(one.get('description', ''))}</p>"
    if one.get("parameters"):
        yield '<div class="wide"><table><thead><tr><th>parameter</th><th>is</th><th>for</th></tr></thead><tbody>'
        for param in one["parameters"]:
            place = " <i>in the path</i>" if param["in"] == "path" else ""
            yield _row(param["name"], param["schema"], param.get("description", ""), place)
        yield "</tbody></table></div>"
    for kind, content in one.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, <code>{escape(kind)}</code>: {_type(content.get('schema', {}))}</p>"
    for code, answer in one["responses"].items():
        for content in answer.get("content", {}).values():
            yield f"<p>Answer {escape(code)}: {_type(content['schema'])}</p>"
    others = ", ".join(code for code, answer in one["responses"].items() if "$ref" in answer)
    yield f'<p class="quiet">Or {escape(others)}: {_type(ref("Error"))}</p></section>'


def _shape(name: str, schema: Schema) -> str:
    rows = "".join(
        _row(
            field,
            one,
            one.get("description", ""),
            "" if field in schema.get("required", ()) else " <i>may be absent</i>",
        )
        for field, one in schema.get("properties", {}).items()
    )
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
        f'<div class="wide"><table><tbody>{rows}</tbody></table></div></section>'
    )


def _row(name: str, schema: Schema, description: str, note: str) -> str:
    return f"<tr><td><code>{escape(name)}</code>{note}</td><td>{_type(schema)}</td><td>{_prose(description)}</td></tr>"


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
