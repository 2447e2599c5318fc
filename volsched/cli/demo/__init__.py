"""`volsched demo`: the demonstration."""
