"""The volume agent: drives storage backends and reports what they have."""
