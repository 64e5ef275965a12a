"""Dashboard: what people look at."""
