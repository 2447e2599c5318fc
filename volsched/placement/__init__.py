"""The pure core: filter, weigh, rank, claim. No I/O but through the ports."""
