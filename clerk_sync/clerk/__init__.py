"""What Clerk says: deliveries, events, users, tokens, keys and the Backend API.

Values in, facts out. No Flask, no SQL and nothing that we keep may enter here; import-linter holds that wall.
"""
