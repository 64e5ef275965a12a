"""The forms in which programs write JSON objects to a file, one after the other."""

import json

PREFIX = "webhook-1  | 2026-03-02T09:00:00.123Z "


def lines(objects):
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def concatenated(objects):
    return "".join(map(json.dumps, objects))


def pretty(objects):
    return "\n".join(json.dumps(one, indent=2, ensure_ascii=False) for one in objects)


def one_list(objects):
    return json.dumps(objects, ensure_ascii=False)


def pretty_list(objects):
    return json.dumps(objects, indent="\t")


def lists_in_lines(objects):
    half = len(objects) // 2
    return json.dumps(objects[:half]) + "\r\n" + json.dumps(objects[half:]) + "\r\n"


def mixed(objects):
    return "\n\n".join([pretty(objects[:1]), one_list(objects[1:2]), lines(objects[2:])])


def with_prefix(objects):
    return "".join(f"{PREFIX}{json.dumps(one, ensure_ascii=False)}\n" for one in objects)


def with_time_in_brackets(objects):
    return "".join(
        f"[2026-03-02 09:00:00] app[7]: {json.dumps(one, ensure_ascii=False)}\n" for one in objects
    )


FORMS = [
    lines,
    concatenated,
    pretty,
    one_list,
    pretty_list,
    lists_in_lines,
    mixed,
    with_prefix,
    with_time_in_brackets,
]
