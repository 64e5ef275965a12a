"""The compose files: their services with all variables replaced, and a service of Headcount as a process with the same environment."""

import re

import yaml

from support import ROOT
from support.running_service import Running

FOLDER = ROOT / "deploy/compose"
FILES = sorted(FOLDER.glob("compose*.yaml"))
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose(name, **variables):
    """Return a file as Compose reads it. A required variable that is missing raises `KeyError`."""

    def value(found):
        variable, operator, text = found.groups()
        if variable in variables:
            return variables[variable]
        if operator == "-":
            return text
        raise KeyError(f"{name}: {variable} is required: {text}")

    return yaml.safe_load(_VARIABLE.sub(value, (FOLDER / name).read_text()))


class Composed(Running):
    """A service with the environment of a compose file. Names of other services are replaced by addresses."""

    def __init__(self, folder, environment, **replaced):
        super().__init__(folder)
        text = {key: str(value) for key, value in environment.items()}
        for name, address in replaced.items():
            text = {key: value.replace(name, address) for key, value in text.items()}
        self.variables = {
            "HEADCOUNT_DATABASE": str(self.database),
            **text,
            "HEADCOUNT_HOST": "127.0.0.1",
            "HEADCOUNT_PORT": "0",
            "HEADCOUNT_READS_PER_5S": "0",  # tests ask until something shows
        }
        if "HEADCOUNT_DATABASE_FILE" in self.variables:
            del self.variables["HEADCOUNT_DATABASE"]

    def _arguments(self, more):
        return ["serve", *map(str, more)]
