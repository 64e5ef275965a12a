"""Commands for retention rules, legal holds and the data-minimal mode."""

from typing import TYPE_CHECKING, Any, Final

import click

from headcount.cli.console import echo, emit, json_option, note, rfc3339, table
from headcount.cli.group import Group
from headcount.cli.options import audit, existing_store, record_access, with_settings
from headcount.cli.param_types import DURATION
from headcount.cli.privacy import privacy
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.kernel.events import Ms
    from headcount.store.data_minimal import MinimalDomain
    from headcount.store.retention import LegalHold, Preview, RetentionRule

_DAY_MS: Final = 86_400_000
_BY: Final = "command line"


@privacy.group(cls=Group)
def retention() -> None:
    """Set how long names, events and meetings of rooms are stored."""


@retention.command(
    "set",
    examples=[
        "headcount privacy retention set 'lecture-*' --names 30d --events 90d --meetings 365d",
        "headcount privacy retention set '*' --names 14d --domain acme",
    ],
)
@click.argument("pattern")
@click.option(
    "--names", type=DURATION, metavar="DURATION",
    help="Time after which names and IDs are removed, like 30d.  [default: that of --events]",
)  # fmt: skip
@click.option(
    "--events", type=DURATION, metavar="DURATION",
    help="Time after which events are deleted, like 90d.  [default: that of --meetings]",
)  # fmt: skip
@click.option(
    "--meetings", type=DURATION, metavar="DURATION",
    help="Time after which meetings are deleted, like 365d.  [default: never]",
)  # fmt: skip
@json_option
@with_settings("database", "domain")
def set_rule(
    *, settings: Settings, pattern: str, names: "Ms | None", events: "Ms | None", meetings: "Ms | None",
    as_json: bool,
) -> None:  # fmt: skip
    """Set the retention of the rooms that match PATTERN, in which * is any text.

    The rule with the most characters besides * applies to a room, alone. A running server applies it within a minute.
    """
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.store.retention import new_rule  # noqa: PLC0415 - likewise
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    days = [_days("names", names), _days("events", events), _days("meetings", meetings)]
    rule = new_rule(settings["domain"], pattern, days[0], days[1], days[2], new_clock().now())
    audit(settings)
    store = existing_store(settings)
    store.retention.set_rule(rule)
    record_access(store, settings, rule.domain, "retention.update")
    store.close()
    security_event("retention_rule_set", domain=rule.domain, pattern=pattern, **_days_of(rule))
    if as_json:
        emit(_rule_fields(rule))
    else:
        echo(f"Set the retention of rooms '{pattern}' in domain '{rule.domain}': {_summary(rule)}.")


@retention.command(
    "list", examples=["headcount privacy retention list", "headcount privacy retention list --json"]
)
@json_option
@with_settings("database")
def list_rules(*, settings: Settings, as_json: bool) -> None:
    """List the retention rules of all domains."""
    store = existing_store(settings, read_only=True)
    rules = store.retention.rules()
    store.close()
    if as_json:
        emit([_rule_fields(rule) for rule in rules])
    elif not rules:
        echo(
            "No retention rules: everything is stored until it is deleted. Set one with 'privacy retention set'."
        )
    else:
        heads = ("domain", "pattern", "names", "events", "meetings")
        table(heads, [(rule.domain, rule.pattern, *map(_shown, rule[2:5])) for rule in rules])


@retention.command("show", examples=["headcount privacy retention show lecture-7"])
@click.argument("room")
@json_option
@with_settings("database", "domain")
def show_rule(*, settings: Settings, room: str, as_json: bool) -> None:
    """Show which rule applies to ROOM, what has expired, and the legal holds of its domain."""
    from headcount.store.patterns import matches  # noqa: PLC0415 - help does not need it

    domain = settings["domain"]
    store = existing_store(settings, read_only=True)
    rule, progress = store.retention.rule_of(domain, room), store.retention.progress(domain, room)
    others = [one for one in store.retention.rules(domain) if matches(one.pattern, room) and one != rule]
    holds = store.retention.holds(domain, released=False)
    store.close()
    if as_json:
        emit(
            {
                "domain": domain,
                "room": room,
                "rule": None if rule is None else _rule_fields(rule),
                "other_matching_patterns": [one.pattern for one in others],
                "names_expired_until": rfc3339(progress.names_until),
                "events_expired_until": rfc3339(progress.events_until),
                "meetings_expired_until": rfc3339(progress.meetings_until),
                "holds": [_hold_fields(hold) for hold in holds],
            }
        )
        return
    if rule is None:
        echo(f"No rule matches room '{room}' in domain '{domain}': everything is stored until it is deleted.")
    else:
        echo(f"Rule '{rule.pattern}' applies to room '{room}' in domain '{domain}': {_summary(rule)}.")
    for one in others:
        echo(f"Rule '{one.pattern}' matches, too, but is less specific.")
    for name, until in zip(("Names", "Events", "Meetings"), progress, strict=False):
        if until is not None:
            echo(f"{name} have expired until {rfc3339(until)}.")
    for hold in holds:
        echo(f"Legal hold {hold.number}: {hold.kind} '{hold.subject}' ({hold.reason}).")


@retention.command("delete", examples=["headcount privacy retention delete 'lecture-*'"])
@click.argument("pattern")
@json_option
@with_settings("database", "domain")
def delete_rule(*, settings: Settings, pattern: str, as_json: bool) -> None:
    """Delete the retention rule of PATTERN. What has expired stays deleted."""
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - help does not need it

    audit(settings)
    store, domain = existing_store(settings), settings["domain"]
    deleted = store.retention.delete_rule(domain, pattern)
    if deleted:
        record_access(store, settings, domain, "retention.update")
    store.close()
    if not deleted:
        raise BadInput(
            f"domain '{domain}' has no retention rule '{pattern}'. 'headcount privacy retention list' shows all rules"
        )
    security_event("retention_rule_deleted", domain=domain, pattern=pattern)
    if as_json:
        emit({"domain": domain, "pattern": pattern, "deleted": True})
    else:
        echo(f"Deleted the retention rule '{pattern}' of domain '{domain}'.")


@retention.command(
    "preview", examples=["headcount privacy retention preview", "headcount privacy retention preview --json"]
)
@json_option
@with_settings("database", "domain")
def preview(*, settings: Settings, as_json: bool) -> None:
    """Count what has reached the end of its time under the rules of a domain. Nothing is changed.

    Legal holds are not considered.
    """
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    store = existing_store(settings, read_only=True)
    previews = store.retention.preview(settings["domain"], new_clock().now())
    store.close()
    if as_json:
        emit([_preview_fields(one) for one in previews])
    elif not previews:
        echo(f"Domain '{settings['domain']}' has no retention rules.")
    else:
        heads = ("pattern", "rooms", "stays with names", "events", "meetings")
        table(heads, [(one.rule.pattern, *(f"{number:,}" for number in one[1:])) for one in previews])


@privacy.group(cls=Group)
def hold() -> None:
    """Protect meetings, rooms and users from retention and erasure."""


@hold.command(
    "create",
    examples=[
        "headcount privacy hold create --room board --reason 'case 2026-17'",
        "headcount privacy hold create --user u-42 --reason 'case 2026-17' --domain acme",
    ],
)
@click.option("--meeting", metavar="ID", help="ID of a meeting to protect.")
@click.option("--room", metavar="NAME", help="Name of a room to protect.")
@click.option("--user", metavar="ID", help="ID of a user, whose meetings are protected.")
@click.option("--reason", required=True, metavar="TEXT", help="Reason, like the number of a case.")
@json_option
@with_settings("database", "domain")
def create_hold(
    *, settings: Settings, meeting: str | None, room: str | None, user: str | None, reason: str, as_json: bool
) -> None:
    """Create a legal hold: no retention rule and no erasure deletes what it protects, until it is released."""
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.store.retention import HoldKind  # noqa: PLC0415 - likewise
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    given = {HoldKind.MEETING: meeting, HoldKind.ROOM: room, HoldKind.USER: user}
    subjects = [(kind, text) for kind, text in given.items() if text is not None]
    if len(subjects) != 1:
        raise BadInput(f"expected one of --meeting, --room and --user, got {len(subjects)}")
    audit(settings)
    store = existing_store(settings)
    try:
        ((kind, subject),) = subjects
        created = store.retention.create_hold(
            settings["domain"], kind, subject, reason, new_clock().now(), _BY
        )
        protected = store.retention.held(created)
        record_access(store, settings, created.domain, "hold.create", (created.kind, created.subject))
    finally:
        store.close()
    security_event("legal_hold_created", domain=created.domain, hold=created.number, about=str(kind))
    if as_json:
        emit(_hold_fields(created))
        return
    echo(f"Created legal hold {created.number} on {kind} '{subject}' in domain '{created.domain}'.")
    if kind is not HoldKind.MEETING:
        unit = "stay" if kind is HoldKind.USER else "meeting"
        echo(f"It protects {protected:,} {unit}{'' if protected == 1 else 's'}, and all that follow.")


@hold.command("list", examples=["headcount privacy hold list", "headcount privacy hold list --all --json"])
@click.option("--all", "with_released", is_flag=True, help="Also list holds that were released.")
@json_option
@with_settings("database", "domain")
def list_holds(*, settings: Settings, with_released: bool, as_json: bool) -> None:
    """List the legal holds of a domain."""
    store = existing_store(settings, read_only=True)
    holds = store.retention.holds(settings["domain"], released=with_released)
    store.close()
    if as_json:
        emit([_hold_fields(one) for one in holds])
    elif not holds:
        echo(f"Domain '{settings['domain']}' has no legal holds.")
    else:
        table(
            ("number", "kind", "subject", "created", "created by", "released", "reason"),
            [
                (
                    str(one.number), str(one.kind), one.subject, rfc3339(one.created) or "", one.created_by,
                    rfc3339(one.released) or "", one.reason,
                )
                for one in holds
            ],
        )  # fmt: skip


@hold.command("release", examples=["headcount privacy hold release 3"])
@click.argument("number", type=click.IntRange(min=1))
@json_option
@with_settings("database", "domain")
def release_hold(*, settings: Settings, number: int, as_json: bool) -> None:
    """Release a legal hold. NUMBER is what 'privacy hold list' shows.

    What has reached the end of its time under a retention rule is then deleted.
    """
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    audit(settings)
    store, domain = existing_store(settings), settings["domain"]
    released = store.retention.release_hold(domain, number, new_clock().now(), _BY)
    if released is not None:
        record_access(store, settings, domain, "hold.delete", (released.kind, released.subject))
    store.close()
    if released is None:
        raise BadInput(
            f"domain '{domain}' has no legal hold {number} that is in force. 'headcount privacy hold list' shows all"
        )
    security_event("legal_hold_released", domain=domain, hold=number)
    if as_json:
        emit(_hold_fields(released))
    else:
        echo(f"Released legal hold {number} on {released.kind} '{released.subject}'.")


@privacy.group(cls=Group)
def minimal() -> None:
    """Count participants of a domain without storing names and user IDs."""


@minimal.command("on", examples=["headcount privacy minimal on --domain acme"])
@json_option
@with_settings("database", "domain")
def turn_on(*, settings: Settings, as_json: bool) -> None:
    """Turn the data-minimal mode of a domain on.

    From then on, pseudonyms stand for participants. User IDs, names and attributes are not stored, except the attributes
    by which usage is counted. A running server applies it within a second. What is stored already is not changed.
    """
    _switch(settings, minimal=True, as_json=as_json)


@minimal.command("off", examples=["headcount privacy minimal off --domain acme"])
@json_option
@with_settings("database", "domain")
def turn_off(*, settings: Settings, as_json: bool) -> None:
    """Turn the data-minimal mode of a domain off. A running server stores names within a second."""
    _switch(settings, minimal=False, as_json=as_json)


@minimal.command("list", examples=["headcount privacy minimal list"])
@json_option
@with_settings("database")
def list_minimal(*, settings: Settings, as_json: bool) -> None:
    """List the domains in the data-minimal mode."""
    store = existing_store(settings, read_only=True)
    domains = [one for one in store.minimal.all() if one.minimal]
    store.close()
    if as_json:
        emit([_minimal_fields(one) for one in domains])
    elif not domains:
        echo("No domain is in the data-minimal mode.")
    else:
        table(("domain", "since"), [(one.domain, rfc3339(one.changed) or "") for one in domains])


def _switch(settings: Settings, *, minimal: bool, as_json: bool) -> None:
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    audit(settings)
    store, domain = existing_store(settings), settings["domain"]
    changed = store.minimal.switch(domain, minimal=minimal, now=new_clock().now())
    found = next((one for one in store.minimal.all() if one.domain == domain), None)
    if changed:
        record_access(store, settings, domain, "retention.update")
    store.close()
    if changed:
        security_event("data_minimal_changed", domain=domain, minimal=minimal)
    if as_json:
        emit(_minimal_fields(found) if found else {"domain": domain, "minimal": minimal, "changed_at": None})
        return
    state = "on" if minimal else "off"
    echo(f"The data-minimal mode of domain '{domain}' {'is now' if changed else 'was already'} {state}.")
    if changed and minimal:
        note(
            "What is stored already is not changed. To remove names from it, set a retention rule with --names."
        )


def _days(name: str, duration: "Ms | None") -> int | None:
    if duration is None:
        return None
    days, rest = divmod(duration, _DAY_MS)
    if rest or not days:
        raise BadInput(f"--{name}: expected whole days, like 30d")
    return days


def _summary(rule: "RetentionRule") -> str:
    return ", ".join(
        f"{name} {'without limit' if days is None else f'for {days:,} days'}"
        for name, days in zip(("names", "events", "meetings"), rule[2:5], strict=True)
    )


def _shown(days: int | None) -> str:
    return "unlimited" if days is None else f"{days:,}d"


def _days_of(rule: "RetentionRule") -> dict[str, int | None]:
    return {
        "names_days": rule.names_days,
        "events_days": rule.events_days,
        "meetings_days": rule.meetings_days,
    }


def _rule_fields(rule: "RetentionRule") -> dict[str, Any]:
    return {
        "domain": rule.domain,
        "pattern": rule.pattern,
        **_days_of(rule),
        "updated_at": rfc3339(rule.updated),
    }


def _preview_fields(one: "Preview") -> dict[str, Any]:
    return {
        "domain": one.rule.domain,
        "pattern": one.rule.pattern,
        "rooms": one.rooms,
        "stays_with_names": one.names,
        "events": one.events,
        "meetings": one.meetings,
    }


def _hold_fields(hold: "LegalHold") -> dict[str, Any]:
    return {
        "number": hold.number,
        "domain": hold.domain,
        "kind": str(hold.kind),
        "subject": hold.subject,
        "reason": hold.reason,
        "created_at": rfc3339(hold.created),
        "created_by": hold.created_by,
        "released_at": rfc3339(hold.released),
        "released_by": hold.released_by,
    }


def _minimal_fields(one: "MinimalDomain") -> dict[str, Any]:
    return {"domain": one.domain, "minimal": one.minimal, "changed_at": rfc3339(one.changed)}
