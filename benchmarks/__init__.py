"""Benchmarks: each one command, each printing a table and JSON; none of them is a timed test."""
