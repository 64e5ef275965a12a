"""Explanation: why a meeting or a room is as it is, each step with its rule, time and message.

`meeting` explains one meeting for the REST API and the dashboard. `room` explains a room as lines for the command line.
`phrases` has the words that both, and the timeline chart, share. Nothing is decided here: the kernel computes changes and
reasons once more from the events.
"""
