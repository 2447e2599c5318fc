"""Values and ports: what a pool, a request, a decision and a claim are. Standard library, NumPy and msgspec only."""
