"""One count of a chain's scan, and copies of it that keep every field."""

import msgspec

from hdscan.model.events import ChainProgress, ScanProgress
from hdscan.model.recast import recast
from hdscan.model.scan import ChainResult, ChainScan, Status
from hdscan.model.tally import Tally

COUNTS = {"addresses": 5, "readings": 15, "read": 7, "unread": 3, "funded": 2, "seconds": 1.5, "requests": 9}
AUDIT = {"audited": 4, "disputed": 1, "unaudited": 2, "audit_requests": 3}
RECORD = ChainScan(1, "btc", Status.RUNNING, ("BTC",), **COUNTS, **AUDIT)


def test_disputed_readings_have_ended_and_are_open() -> None:
    assert RECORD.open == 3 + 1
    assert RECORD.ended == 7 + 3 + 1


def test_a_result_and_a_progress_hold_the_tally_of_the_record() -> None:
    result = recast(RECORD, ChainResult)
    progress = recast(RECORD, ChainProgress, rate=0.0, eta=None)
    for name in Tally.__struct_fields__:
        assert getattr(result, name) == getattr(progress, name) == getattr(RECORD, name)
    assert msgspec.to_builtins(result) == {"status": "running", **COUNTS, **AUDIT}


def test_a_change_replaces_the_copied_value_and_the_kind_brings_its_tag() -> None:
    progress = recast(RECORD, ScanProgress, rate=2.0, eta=1.0, status=Status.FAILED)
    assert progress.status is Status.FAILED
    assert msgspec.to_builtins(progress)["event"] == "scan_progress"
