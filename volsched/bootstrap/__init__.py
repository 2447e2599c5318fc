"""The one place where everything meets: configuration in, running objects out."""

from volsched.bootstrap.application import Application, application, utcnow
from volsched.bootstrap.stores import Stores

__all__ = ["Application", "Stores", "application", "utcnow"]
