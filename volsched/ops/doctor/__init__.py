"""`volsched doctor`: checks of the configuration, the installed packages, the stores and the running parts."""

from volsched.ops.doctor.checks import Finding, diagnose
from volsched.ops.doctor.context import DoctorContext

__all__ = ["DoctorContext", "Finding", "diagnose"]
