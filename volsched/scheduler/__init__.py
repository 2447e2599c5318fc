"""The scheduler worker: takes requests from the queue, decides and makes the outcome durable."""
