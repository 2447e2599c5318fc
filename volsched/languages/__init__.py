"""The languages that operators write: driver expressions, JSON queries and extra specs."""
