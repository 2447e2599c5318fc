"""The distributed form on one machine, for developers and for tests: servers and services on loopback."""
