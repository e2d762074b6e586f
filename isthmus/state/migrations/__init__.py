"""Alembic scripts of the state's tables."""
