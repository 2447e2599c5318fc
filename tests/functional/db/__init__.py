"""Tests of the stores on real servers, and of what happens when many use them at once."""
