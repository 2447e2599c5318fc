"""Services that run for long: which ones there are on this machine, and how they take up another configuration."""
