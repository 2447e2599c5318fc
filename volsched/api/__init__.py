"""The API: what users and operators may request, with validation, policy and quotas."""
