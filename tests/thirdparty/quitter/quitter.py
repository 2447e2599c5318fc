"""Insists on a licence, in a way that no module should."""

import sys

sys.exit("no licence found")
