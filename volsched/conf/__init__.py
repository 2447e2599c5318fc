"""Options: one module a group, and `load`, which reads them into a configuration of its own."""

from volsched.conf.configuration import Configuration, load
from volsched.conf.origin import Origin, Source

__all__ = ["Configuration", "Origin", "Source", "load"]
