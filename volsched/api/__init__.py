"""What users may ask for: validation, policy, quotas and the requests themselves."""
