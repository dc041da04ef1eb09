"""Which provider to ask and when: pure state machines that take `now` and jitter, and one awaiting driver."""
