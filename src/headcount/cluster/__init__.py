"""Headcount on a cluster: a Kafka topic as the log, Spark for the work, PostgreSQL and Parquet for the results."""
