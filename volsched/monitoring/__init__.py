"""What a running service says about itself over HTTP: whether it lives, whether it is ready, and its figures."""
