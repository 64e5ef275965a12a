"""The OpenAPI document of the routes, for tests."""

from copy import deepcopy
from importlib.metadata import version

from headcount.http import openapi
from headcount.http.app import OPERATIONS
from headcount.http.routes import queries

BOOLEAN = {
    "anyOf": [
        {"type": "boolean"},
        {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn][Oo]|[01])$"},
        {"enum": [1, 0]},
    ]
}
"""All spellings that the API accepts, where the document has the canonical one."""
NUMBER = "^-?[0-9]+(\\.[0-9]*)?([eE][+ -]?[0-9]{1,3})?$"
TEXTS = {"room", "user_id", "userId", "userName", "expected", "role", "participant_id"}
"""Parameters that filter on a text, and must not be empty."""


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
                if param["in"] == "path":
                    continue
                accepted = [BOOLEAN if param["schema"].get("type") == "boolean" else param["schema"]]
                if param["schema"].get("type") == "integer":
                    accepted.append({"type": "string", "pattern": NUMBER})
                    accepted.append(
                        {"type": "number"}
                        | {k: param["schema"][k] for k in ("minimum",) if k in param["schema"]}
                    )
                if param["name"] not in TEXTS and not param["name"].startswith("attribute."):
                    accepted.append({"enum": [""]})
                if len(accepted) > 1 or accepted[0] is BOOLEAN:
                    param["schema"] = {"anyOf": accepted}
    return document


def of_this_version():
    """The document as `GET /openapi.json` answers it, with the default settings."""
    return openapi.document("/v1", version("headcount"), OPERATIONS)
