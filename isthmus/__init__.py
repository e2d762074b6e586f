"""Isthmus joins a CRM, where a company sells, and an ERP, where it books."""

__version__ = "0.1.0"
