"""Writes the packages that authors of plugins begin with."""

from volsched.ops.scaffold.kinds import SORTS, Sort
from volsched.ops.scaffold.package import NewPackage, planned

__all__ = ["SORTS", "NewPackage", "Sort", "planned"]
