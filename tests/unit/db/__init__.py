"""Tests of the stores on SQLite, and of what only SQLite does."""
