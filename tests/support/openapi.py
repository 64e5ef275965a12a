"""The OpenAPI document of the routes, for tests."""

from copy import deepcopy

from headcount.http import openapi
from headcount.http.app import OPERATIONS
from headcount.http.routes import queries

BOOLEAN = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["True", "False"]}, {"enum": ["1", "0", 1, 0]}]
}
"""All spellings that the API accepts, where the document has the canonical one."""


def document(prefix="/v1"):
    return openapi.document(prefix, "1.2.3", OPERATIONS)


def reading_document():
    """The document of the operations that read, at the root."""
    return openapi.document("", "0", queries.OPERATIONS)


def with_accepted_spellings(document):
    """The document with everything that is accepted: a test that sends invalid values must not send these."""
    document = deepcopy(document)
    for path in document["paths"].values():
        for operation in path.values():
            for param in operation.get("parameters", ()):
                if param["schema"].get("type") == "boolean":
                    param["schema"] = BOOLEAN
    return document
