"""Moves changes: plan (pure), apply, run."""
