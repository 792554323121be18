"""Model servers: containers that are loaded from model archives and answer requests."""
