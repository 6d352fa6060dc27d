"""The database: connections, the pool, transactions, and the meaning of PostgreSQL's errors. It knows no tables."""

from clerk_sync.optional import require_driver

require_driver()
