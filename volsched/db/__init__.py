"""The truth: tables, the transactions on them, and one store a noun."""
