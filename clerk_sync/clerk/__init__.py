"""What Clerk sends: webhooks, users, tokens, keys and the Backend API.

It imports no Flask, no SQL and nothing of the mirror; import-linter checks that.
"""
