"""File formats of exports: CSV, Excel and iCalendar.

Responsible for pure functions from rows to bytes. Must not know what is exported, nor who may export it.
"""

from headcount.dashboard.files.csv import as_csv
from headcount.dashboard.files.ics import Appointment, as_ics
from headcount.dashboard.files.table import Column, Table, Type
from headcount.dashboard.files.xlsx import write_xlsx

__all__ = ["Appointment", "Column", "Table", "Type", "as_csv", "as_ics", "write_xlsx"]
