"""Webhook deliveries: the signature, and the event in the body."""
