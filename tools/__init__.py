"""Programs for developers of volsched; not installed."""
