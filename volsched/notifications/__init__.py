"""Delivery of events from the outbox to the notifier backends."""
