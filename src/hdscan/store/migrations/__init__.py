"""The migrations, oldest first; the tables as they should be are in `store.schema`."""
