"""One file per protocol: requests and replies as bytes <-> values. Pure: no IO, no clock, no logging."""
