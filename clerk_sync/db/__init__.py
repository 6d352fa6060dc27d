"""The database: connections, the pool, transactions, and the meaning of PostgreSQL's errors. It knows no tables."""
