"""Plugins made for other schedulers, run unchanged."""
