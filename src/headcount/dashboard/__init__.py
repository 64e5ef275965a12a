"""The dashboard: pages for people, made from what the store answers. It works out nothing that is not asked of the tables."""
