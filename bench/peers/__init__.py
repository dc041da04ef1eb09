"""What a user would write instead, measured beside hdscan: whole processes, the same server, the same run."""
