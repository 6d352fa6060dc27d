"""Turns user snapshots into rows, by one rule for webhooks, sync and placeholders."""
