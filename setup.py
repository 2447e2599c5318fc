"""The shim that tools without PEP 517 look for; everything is in setup.cfg."""

from setuptools import setup

setup()
