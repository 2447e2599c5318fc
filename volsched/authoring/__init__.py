"""Writes the packages that authors of plugins begin with."""

from volsched.authoring.package import NewPackage, planned
from volsched.authoring.sorts import SORTS, Sort

__all__ = ["SORTS", "NewPackage", "Sort", "planned"]
