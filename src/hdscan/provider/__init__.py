"""Who answers: one file per protocol, readings in, results out, over HTTP or lines; `catalogue.toml` holds the hosts."""
