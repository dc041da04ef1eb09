"""Who answers: one file per protocol, readings in and results out over HTTP; `catalogue.toml` holds the hosts."""
