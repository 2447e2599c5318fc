"""What is wrong, or will be: looked for everywhere, each kind of thing by a check of its own."""

from volsched.ops.doctor.checks import Finding, diagnose
from volsched.ops.doctor.context import DoctorContext

__all__ = ["DoctorContext", "Finding", "diagnose"]
