"""Options, and `load`, which reads files and the environment into a configuration."""

from volsched.conf.configuration import Configuration, load
from volsched.conf.origin import Origin, Source

__all__ = ["Configuration", "Origin", "Source", "load"]
