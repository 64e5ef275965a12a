"""Properties of every form of report that people read: rows without times, repeated rows, incomplete rows, and time zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.sources.exports.api import ExportFile, ExportOptions, SkippedRow, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.timestamps import format_timestamp
from headcount.timezones import parse_zone

BERLIN = ExportOptions("room", parse_zone("Europe/Berlin"))
NO_ZONE = ExportOptions("room")


def text(lines, separator):
    return "\n".join(separator.join(line) for line in lines)


def zoom_older(rows, zone=""):
    head = [
        "Name (Original Name)",
        "User Email",
        f"Join Time{zone}",
        f"Leave Time{zone}",
        "Duration (Minutes)",
        "Guest",
    ]
    return text([head, *([name, "", join, leave, minutes, "No"] for name, join, leave, minutes in rows)], ",")


def zoom_with_meeting(rows, zone=""):
    about = [["Topic", "ID", "Host", "Duration (minutes)"], ["Review", "812 3456 7890", "Ann", "60"], []]
    head = [
        "Name (original name)",
        "Email",
        f"Join time{zone}",
        f"Leave time{zone}",
        "Duration (minutes)",
        "Guest",
    ]
    return text(
        [*about, [*head, "In waiting room"], *([name, "", *row, "No", "No"] for name, *row in rows)], ","
    )


def zoom_several_meetings(rows, zone=""):
    head = [
        "Topic",
        "Meeting ID",
        "User Email",
        "Name (Original Name)",
        "User Email",
        f"Join Time{zone}",
        f"Leave Time{zone}",
    ]
    lines = (["One", "812 3456 7890", "host@example.com", name, "", *row] for name, *row in rows)
    return text([[*head, "Duration (Minutes)"], *lines], ",")


def zoom_webinar(rows, zone=""):
    about = [
        ["Attendee Report"],
        ["Topic", "Webinar ID"],
        ["Open day", "812 3456 7890"],
        ["Attendee Details"],
    ]
    head = [
        "Attended",
        "First Name",
        "Last Name",
        "Email",
        f"Join Time{zone}",
        f"Leave Time{zone}",
        "Time in Session (minutes)",
    ]
    return text(
        [*about, head, *(["Yes", name, "", "", *row] for name, *row in rows), ["Other Attended"]], ","
    )


def zoom_in_spanish(rows, zone=""):
    head = [
        "Nombre (nombre original)",
        "Correo electrónico",
        f"Hora de entrada{zone}",
        f"Hora de salida{zone}",
    ]
    lines = ([name, "", *row, "Sí"] for name, *row in rows)
    return text([[*head, "Duración (minutos)", "Invitado"], *lines], ";")


def teams_rows(rows):
    return ([name, join, leave, minutes and f"{minutes}m 0s", ""] for name, join, leave, minutes in rows)


def teams_with_parts(rows, zone=""):
    head = ["Name", f"Join Time{zone}", f"Leave Time{zone}", "Duration", "Email"]
    return text(
        [
            ["1. Summary"],
            ["Meeting title", "Review"],
            [],
            ["3. In-Meeting Activities"],
            head,
            *teams_rows(rows),
        ],
        "\t",
    )


def teams_with_parts_in_french(rows, zone=""):
    head = ["Nom", f"Heure d'arrivée{zone}", f"Heure de départ{zone}", "Durée", "E-mail"]
    return text([["1. Résumé"], ["Titre", "Revue"], [], ["3. Activités"], head, *teams_rows(rows)], "\t")


def teams_of_2021(rows, zone=""):
    head = ["Full Name", f"Join Time{zone}", f"Leave Time{zone}", "Duration", "Email"]
    return text([["Meeting Summary"], ["Meeting Title", "Review"], [], head, *teams_rows(rows)], "\t")


FORMS = [
    ("zoom-report", zoom_older),
    ("zoom-report", zoom_with_meeting),
    ("zoom-report", zoom_several_meetings),
    ("zoom-report", zoom_webinar),
    ("zoom-report", zoom_in_spanish),
    ("teams-attendance", teams_with_parts),
    ("teams-attendance", teams_with_parts_in_french),
    ("teams-attendance", teams_of_2021),
]
every_form = pytest.mark.parametrize(("kind", "form"), FORMS, ids=[form.__name__ for _, form in FORMS])
ANN = ("Ann", "2026-06-16 15:00:00", "2026-06-16 16:00:00", "60")


def parse(kind, content, options=BERLIN):
    """Return the stays as (name, join, leave, whether it is inferred), and the reasons of the rows that are left out."""
    reports = []
    events = parse_export(EXPORT_FORMATS[kind], ExportFile(content.encode()), options, reports.append)
    joins = {parsed.event.participant_id: parsed.event.at for parsed in events if parsed.event.kind == "join"}
    stays = [
        (
            one.event.user_name.strip(),
            format_timestamp(one.event.joined_at or joins[one.event.participant_id]),
            format_timestamp(one.event.at),
            one.event.inferred is not None,
        )
        for one in events
        if one.event.kind == "leave"
    ]
    assert all(isinstance(report, SkippedRow) for report in reports), reports
    return stays, [report.reason for report in reports]


ANNS_STAY = ("Ann", "2026-06-16T13:00:00.000Z", "2026-06-16T14:00:00.000Z", False)


@every_form
@pytest.mark.parametrize("absent", ["", "--", "-", "\u2014", "N/A", "null"])
def test_rows_without_times_are_skipped(kind, form, absent):
    rows = [("Bob", absent, absent, absent), ANN, ("Cid", absent, absent, "0")]
    assert parse(kind, form(rows)) == ([ANNS_STAY], ["without times"] * 2)


@every_form
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_identical_rows_count_once(kind, form, names):
    stays, skipped = parse(kind, form([(name, *ANN[1:]) for name in names]))
    assert sorted(name for name, *_ in stays) == sorted(set(names))
    assert skipped == ["identical to another row and counted once"] * (len(names) - len(set(names)))


@every_form
def test_one_time_and_a_duration_give_the_other_time(kind, form):
    is_rounded = kind == "zoom-report"  # in whole minutes
    rows = [ANN, ("Bob", "2026-06-16 15:10:00", "", "20"), ("Cid", "", "2026-06-16 15:40:00", "20")]
    assert parse(kind, form(rows))[0] == [
        ANNS_STAY,
        ("Bob", "2026-06-16T13:10:00.000Z", "2026-06-16T13:30:00.000Z", is_rounded),
        ("Cid", "2026-06-16T13:20:00.000Z", "2026-06-16T13:40:00.000Z", False),
    ]


@every_form
def test_a_missing_leave_is_inferred_strictly_after_the_join(kind, form):
    stays, _ = parse(kind, form([ANN, ("Bob", "2026-06-16 16:00:00", "", "")]))
    assert stays == [ANNS_STAY, ("Bob", "2026-06-16T14:00:00.000Z", "2026-06-16T14:00:00.001Z", True)]


ZONES = ["UTC", "GMT", "GMT+2", "UTC+02:00", "UTC-03:30", "Europe/Berlin", "Asia/Kolkata"]
JOINS = {
    "UTC": "15:00", "GMT": "15:00", "GMT+2": "13:00", "UTC+02:00": "13:00", "UTC-03:30": "18:30",
    "Europe/Berlin": "13:00", "Asia/Kolkata": "09:30",
}  # fmt: skip


@every_form
@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_in_a_title_applies(kind, form, zone):
    ((_, join, *_),), _ = parse(kind, form([ANN], f" ({zone})"), NO_ZONE)
    assert join == f"2026-06-16T{JOINS[zone]}:00.000Z"


@every_form
@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_in_a_time_applies(kind, form, zone):
    name, join, leave, minutes = ANN
    ((_, join, *_),), _ = parse(kind, form([(name, f"{join} {zone}", f"{leave} {zone}", minutes)]), NO_ZONE)
    assert join == f"2026-06-16T{JOINS[zone]}:00.000Z"


@every_form
@pytest.mark.parametrize("zone", ZONES)
def test_an_option_that_contradicts_the_zone_in_a_title_is_refused(kind, form, zone):
    if JOINS[zone] == JOINS["Europe/Berlin"]:
        assert parse(kind, form([ANN], f" ({zone})"))[0] == [ANNS_STAY]
        return
    with pytest.raises(BadInput, match="which contradicts --timezone Europe/Berlin"):
        parse(kind, form([ANN], f" ({zone})"))


@pytest.mark.parametrize(
    "about",
    [
        ["Topic,ID,Time Zone", "Review,812 3456 7890,UTC"],
        ["Time zone: UTC"],
        ["Time zone,UTC"],
        ["Zeitzone:,GMT+0"],
        ["Topic,ID,Start time (UTC)", "Review,812 3456 7890,2026-06-16 15:00:00"],
    ],
)
def test_the_zone_above_the_participants_applies(about):
    content = "\n".join([*about, "", zoom_older([ANN])])
    ((_, join, *_),), _ = parse("zoom-report", content, NO_ZONE)
    assert join == "2026-06-16T15:00:00.000Z"
    with pytest.raises(BadInput, match="which contradicts --timezone Europe/Berlin"):
        parse("zoom-report", content)


def test_a_meeting_of_the_name_of_a_zone_names_no_zone():
    content = "\n".join(["Topic,ID", "UTC,812 3456 7890", "", zoom_older([ANN])])
    assert parse("zoom-report", content) == ([ANNS_STAY], [])


@every_form
def test_without_any_zone_the_option_is_required(kind, form):
    with pytest.raises(BadInput, match="Name the time zone, such as --timezone Europe/Berlin"):
        parse(kind, form([ANN]), NO_ZONE)


@pytest.mark.parametrize(
    ("title", "yes", "no"),
    [
        ("In waiting room", "Yes", "No"),
        ("En sala de espera", "Sí", "No"),
        ("Na sala de espera", "Sim", "Não"),
        ("Dans la salle d\u2019attente", "Oui", "Non"),
        ("Im Warteraum", "Ja", "Nein"),
        ("In sala d'attesa", "Sì", "No"),
        ("In wachtruimte", "Ja", "Nee"),
        ("W poczekalni", "Tak", "Nie"),
        ("Bekleme odas\u0131nda", "Evet", "Hay\u0131r"),
        ("Di ruang tunggu", "Ya", "Tidak"),
        ("I väntrum", "Ja", "Nej"),
        ("\u0412 зале ожидания", "Да", "Нет"),
        ("Trong phòng chờ", "Có", "Không"),
        ("待機室にいる", "はい", "いいえ"),
        ("在等候室中", "是", "否"),
        ("대기실에 있음", "예", "아니요"),
    ],
)
def test_the_waiting_room_is_known_in_the_languages_of_the_portal(title, yes, no):
    head = f"Naam (oude naam),E-mail,Join,Leave,Minutes (min),Guest,{title}"
    rows = [
        f"{name},,2026-06-16 15:00:00,2026-06-16 16:00:00,60,{no},{waits}"
        for name, waits in [("a", yes), ("b", no)]
    ]
    file = ExportFile("\n".join([head, *rows]).encode())
    events = parse_export(EXPORT_FORMATS["zoom-report"], file, BERLIN, pytest.fail)
    assert [(parsed.event.user_name, parsed.role) for parsed in events] == [("a", "hidden"), ("b", "person")]


def test_every_report_format_is_covered():
    reports = {kind for kind, export_format in EXPORT_FORMATS.items() if export_format.has_local_times}
    assert {kind for kind, _ in FORMS} == reports
