"""Exports: files that vendors provide afterwards (logs, dumps, reports, recordings), parsed into events.

Each format has one module. It reads bytes and returns events; it must not know the file system or the store.
"""
