"""Upgrades the database schema of an APEL accounting server, and proves what it did."""
