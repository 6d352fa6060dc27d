"""Webhook deliveries: applied once each, recorded, parked and replayed."""
