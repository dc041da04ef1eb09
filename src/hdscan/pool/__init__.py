"""Whom to ask and when: pure state machines with `now` and jitter passed in, and one awaiting driver."""
