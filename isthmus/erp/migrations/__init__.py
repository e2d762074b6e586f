"""The migrations of the built-in ERP."""
