"""Tools for operators and developers: doctor, development cluster, package scaffolds."""
