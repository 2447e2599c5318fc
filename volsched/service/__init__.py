"""What runs: the API side, the scheduler, the agent, and what puts things right after a crash."""
