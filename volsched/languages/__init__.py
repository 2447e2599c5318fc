"""The languages of operators and users: expressions of drivers, JSON queries and extra specs."""
