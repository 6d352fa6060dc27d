"""HTTP: authentication, webhooks and health for any Flask application; API docs, metrics and console for ours.

It translates HTTP to calls of ``mirror`` and back. It never imports the shop, the commands or the demo.
"""
