"""Files: the same tables for those who take them along: CSV, Excel, and calendars.

Everything here is a pure function from rows to bytes. What is asked of the store, and who may ask, is
decided elsewhere.
"""

from headcount.dashboard.files.csv import as_csv
from headcount.dashboard.files.table import Column, Table, Type

__all__ = ["Column", "Table", "Type", "as_csv"]
