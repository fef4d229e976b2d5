"""What applications send: requests for messages, at once or by the workers, and what became of them."""
