"""The TaskFlow flows: task names, signatures, steps and reversion strategies are a public contract."""
