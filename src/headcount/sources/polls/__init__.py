"""Polls: how each video server is asked who is in, and what follows from its answer. Pure: others do the asking."""
