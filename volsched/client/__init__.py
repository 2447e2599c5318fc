"""volsched for Python programs: `Client` asks what the command line asks, and answers with values instead of text."""

from volsched.client.client import Client

__all__ = ["Client"]
