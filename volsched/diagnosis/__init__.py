"""What is wrong, or will be: looked for everywhere, each kind of thing by a check of its own."""

from volsched.diagnosis.doctor import Finding, diagnose
from volsched.diagnosis.scene import Scene

__all__ = ["Finding", "Scene", "diagnose"]
