"""Tests of volsched.loading."""
