"""The migrations, oldest first. A row exists only for what was read: no balance row means "never read", never zero."""
