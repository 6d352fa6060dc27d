"""The business that joins to the mirror: catalogue, addresses, cart, orders.

No Flask and no commit may enter here; prices come from the catalogue only. All the room's SQL is in ``store/``, and
``functions`` puts a part of it into the database. Import-linter holds the wall.
"""
