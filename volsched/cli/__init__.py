"""What people start: the commands of `volsched`, and the services."""
