"""The whole scanner in one process under virtual time, in a world that misbehaves by a seed; see docs/reliability.md."""
