"""Parity, measured: decisions recorded from the real Cinder, replayed through volsched."""
