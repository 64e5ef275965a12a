"""Files: the same tables for those who take them along: CSV, Excel, and calendars.

Everything here is a pure function from rows to bytes. What is asked of the store, and who may ask, is
decided elsewhere.
"""

from headcount.dashboard.files.csv import as_csv
from headcount.dashboard.files.ics import Appointment, as_ics
from headcount.dashboard.files.table import Column, Table, Type
from headcount.dashboard.files.xlsx import write_xlsx

__all__ = ["Appointment", "Column", "Table", "Type", "as_csv", "as_ics", "write_xlsx"]
