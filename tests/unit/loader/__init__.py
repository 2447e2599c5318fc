"""Tests of volsched.loader."""
