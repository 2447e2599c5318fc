"""A volume scheduler that operators can trust."""
