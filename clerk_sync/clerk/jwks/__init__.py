"""Public keys that verify session tokens: where they come from and how long they are cached."""
