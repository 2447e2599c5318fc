"""Tests of volsched.conf."""
