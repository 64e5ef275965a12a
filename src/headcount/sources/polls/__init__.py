"""Polls: the requests that list who is in a vendor's rooms, and the parsing of the responses.

Each vendor has one module. It must not know the network: `headcount.ingest.polling` sends the requests.
"""
