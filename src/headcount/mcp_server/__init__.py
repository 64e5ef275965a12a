"""MCP server: read-only tools with which agents ask Headcount, over stdio or HTTP.

It talks to a Headcount server by `headcount.client`, with an API key of the scope `read`.
"""
