"""Webhooks: events, signing, delivery, retries and faults, as Svix does them."""
