"""What a process counts and traces of its own work: beside the work, and nothing where both are off."""
