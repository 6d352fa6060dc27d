"""The database: connections, the pool, transactions and what PostgreSQL's errors mean."""
