"""The order of day and month, which any time of a report can reveal, in every form of report."""

import pytest

from headcount import BadInput
from headcount.sources.exports.api import ExportFile, ExportOptions, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.timestamps import format_timestamp
from headcount.timezones import parse_zone

# All dates of rows are ambiguous. {} is in a cell that is no join and no leave.
REPORTS = {
    "teams: start in the summary": ("teams-attendance", """\
1. Summary
Meeting title\tX
Start time\t{}
End time\t3/4/26, 10:00:00 AM

3. In-Meeting Activities
Name\tJoin Time\tLeave Time
Ann\t3/4/26, 9:00:00 AM\t3/4/26, 10:00:00 AM
"""),
    "teams: participants": ("teams-attendance", """\
1. Summary
Meeting title\tX

2. Participants
Name\tFirst Join\tLast Leave
Ann\t3/4/26, 9:00:00 AM\t{}

3. In-Meeting Activities
Name\tJoin Time\tLeave Time
Ann\t3/4/26, 9:00:00 AM\t3/4/26, 10:00:00 AM
"""),
    "teams: engagement": ("teams-attendance", """\
1. Summary
Meeting title\tX

3. In-Meeting Activities
Name\tJoin Time\tLeave Time
Ann\t3/4/26, 9:00:00 AM\t3/4/26, 10:00:00 AM

4. Meeting Engagement
Name\tEngagement Type\tTime
Ann\tUnmute\t{}
"""),
    "teams: registration": ("teams-attendance", """\
1. Summary
Meeting title\tX

2. Participants
Name\tRegistration Time\tFirst Join\tLast Leave
Ann\t{}\t3/4/26, 9:00:00 AM\t3/4/26, 10:00:00 AM

3. In-Meeting Activities
Name\tJoin Time\tLeave Time
Ann\t3/4/26, 9:00:00 AM\t3/4/26, 10:00:00 AM
"""),
    "teams: summary of 2021": ("teams-attendance", """\
Meeting Summary
Total Number of Participants\t1
Meeting Title\tX
Meeting Start Time\t3/4/26, 9:00:00 AM
Meeting End Time\t{}

Full Name\tJoin Time\tLeave Time\tDuration
Ann\t3/4/26, 9:00:00 AM\t3/4/26, 10:00:00 AM\t1h
"""),
    "teams: summary of 2021 in another language": ("teams-attendance", """\
Résumé de la réunion
Nombre total de participants\t1
Titre de la réunion\tX
Heure de début\t3/4/26 9:00:00
Heure de fin\t{}

Nom complet\tArrivée\tDépart\tDurée
Ann\t3/4/26 à 9:00:00\t3/4/26 à 10:00:00\t1 h
"""),
    "zoom: lines about the meeting": ("zoom-report", """\
Topic,ID,Host,Duration (minutes),Start time,End time,Participants
X,812 3456 7890,Ann,60,"{}","3/4/26 10:00:00 AM",1

Name (original name),Email,Join time,Leave time,Duration (minutes)
Ann,,3/4/26 9:00:00 AM,3/4/26 10:00:00 AM,60
"""),
    "zoom: creation of several meetings": ("zoom-report", """\
Topic,Meeting ID,User Name,Creation Time,Start Time,End Time,Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes)
X,81234567890,Ann,"{}",3/4/26 9:00:00 AM,3/4/26 10:00:00 AM,Ann,,3/4/26 9:00:00 AM,3/4/26 10:00:00 AM,60
"""),
    "zoom: time of a webinar's report": ("zoom-report", """\
Attendee Report
Report Generated:,"{}"
Topic,Webinar ID,Actual Start Time,Actual Duration (minutes)
X,812 3456 7890,3/4/26 9:00:00 AM,60
Attendee Details
Attended,User Name (Original Name),Email,Registration Time,Join Time,Leave Time,Time in Session (minutes)
Yes,Ann,ann@example.com,3/4/26 8:00:00 AM,3/4/26 9:00:00 AM,3/4/26 10:00:00 AM,60
"""),
    "zoom: registration for a webinar": ("zoom-report", """\
Attendee Details
Attended,User Name (Original Name),Email,Registration Time,Join Time,Leave Time,Time in Session (minutes)
Yes,Ann,ann@example.com,{},3/4/26 9:00:00 AM,3/4/26 10:00:00 AM,60
"""),
}  # fmt: skip


def joins(report, cell, *, day_first=None):
    kind, text = REPORTS[report]
    options = ExportOptions("room", parse_zone("UTC"), day_first=day_first)
    errors = []
    events = parse_export(
        EXPORT_FORMATS[kind], ExportFile(text.format(cell).encode()), options, errors.append
    )
    assert errors == []
    return {format_timestamp(event.joined_at or event.at) for event, *_ in events}


@pytest.mark.parametrize("report", REPORTS)
def test_a_time_anywhere_reveals_the_order_of_day_and_month(report):
    assert joins(report, "13/2/26 10:00:00") == {"2026-04-03T09:00:00.000Z"}
    assert joins(report, "2/13/26 10:00:00") == {"2026-03-04T09:00:00.000Z"}


@pytest.mark.parametrize("report", REPORTS)
def test_without_a_revealing_time_the_operator_decides(report):
    with pytest.raises(
        BadInput, match=r"is ambiguous\. Set the order with --date-order dmy or --date-order mdy"
    ):
        joins(report, "3/4/26 10:00:00")
    assert joins(report, "3/4/26 10:00:00", day_first=True) == {"2026-04-03T09:00:00.000Z"}
    assert joins(report, "3/4/26 10:00:00", day_first=False) == {"2026-03-04T09:00:00.000Z"}


def test_rows_outweigh_other_times():
    lines = REPORTS["teams: engagement"][1].replace("3/4/26, 10", "3/14/26, 10").format("13/2/26 10:00:00")
    options = ExportOptions("room", parse_zone("UTC"))
    (event, *_), *_ = parse_export(
        EXPORT_FORMATS["teams-attendance"], ExportFile(lines.encode()), options, [].append
    )
    assert format_timestamp(event.at) == "2026-03-14T10:00:00.000Z"
