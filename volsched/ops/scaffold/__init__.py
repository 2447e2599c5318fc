"""`volsched plugin new`: packages for new plugins."""

from volsched.ops.scaffold.package import PLUGIN_KINDS, NewPackage, PluginKind, planned

__all__ = ["PLUGIN_KINDS", "NewPackage", "PluginKind", "planned"]
