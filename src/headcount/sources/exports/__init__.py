"""History: what vendors hand out afterwards (logs, dumps, reports, recordings), read into events.

Pure, as sources are: the bytes of a file in, what was heard out. One file a form.
"""
