"""Must never be imported: it was made for another release."""

raise AssertionError("a package that was made for another release was imported")
