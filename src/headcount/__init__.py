"""Headcount: who was in the room, when, and for how long."""
