"""Proves that both sides agree: counts and sums, then keys, then fields; what is explained, and what is not.

It knows mappings, pairs and what connectors can do; no system by name.
"""
