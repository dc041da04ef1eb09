"""What must be true when a process of the client has ended."""

from typing import Any

import msgspec

from hdscan.model.scan import BalanceState, Status
from hdscan.pool.effects import Trust
from hdscan.pool.upstream import Upstream
from hdscan.scan.plan import to_retry
from tests.simulation.ports import WatchedBreaker
from tests.simulation.scenario import How
from tests.simulation.watch import Violation


class Ending:
    """The checks; `process` has just ended."""

    def __init__(self, process: Any) -> None:
        self.life, self.fleet, self.engine = process.life, process.fleet, process.engine
        self.live, self.store, self.watch, self.loop = process.live, process.store, process.watch, process.loop
        self.interrupted, self.began = process.interrupted, process.began

    def check(self) -> None:
        """Raise Violation for what is not."""
        for upstreams in self.fleet.upstreams.values():
            for upstream in upstreams:
                self._check_permits(upstream)
        whole = not {How.CLOSE, How.CANCEL} & self.interrupted
        plan = self.engine.plan
        if plan is None or not whole:
            return
        stored = {record.chain: record for record in self.store.scans.scan(plan.scan_id)}
        errors = {(e.chain, e.token): e for chain in stored for e in self.store.scans.token_errors(plan.scan_id, chain)}
        result = self.engine.result
        if result is None or self.live is None:
            raise Violation("ends", "a run ended without a result")
        worked = [record.chain for record in plan.chains if record.status.resumable or (plan.retry and to_retry(record))]
        for chain in worked:
            record, told, live = stored[chain], result.chains[chain], self.live.chains[chain]
            if record.status is Status.RUNNING and not self.life.disk.failed:
                raise Violation("ends", f"{chain} is left as running")
            totals = (record.read, record.unread, record.funded)
            if (told.read, told.unread, told.funded) != totals or (live.read, live.unread, live.funded) != totals:
                raise Violation("totals", f"{chain}: {totals} are stored, {told} is the result, {live} was said")
            if live.status is not told.status or (record.status is not told.status and not self.life.disk.failed):
                raise Violation(
                    "totals", f"{chain}: {record.status} is stored, {told.status} the result, {live.status} was said"
                )
            self._check_status(msgspec.structs.replace(record, status=live.status, error=live.error), chain)
            self._check_quarantine(chain, plan.scan_id)
            self._check_branches(chain, plan.scan_id)
        said = {(e.chain, e.token): e.addresses for e in self.live.snapshot().token_errors if e.chain in worked}
        held = {key: e.addresses for key, e in errors.items() if key[0] in worked}
        if said != held and not self.life.disk.failed:
            raise Violation("totals", f"token errors {said} were said, {held} are stored")
        self._check_providers(worked)

    def _check_permits(self, upstream: Upstream) -> None:
        if upstream.busy:
            raise Violation("permit", f"{upstream.name} is left with a call in flight")
        for breaker in upstream.breakers.values():
            assert isinstance(breaker, WatchedBreaker)
            if breaker.out or breaker._probing:
                raise Violation("permit", f"{breaker._name} never got {len(breaker.out)} permits back")

    def _check_status(self, record: Any, chain: str) -> None:
        status, error = record.status, record.error or ""
        full, ended = record.read == record.readings, record.read + record.unread + record.disputed
        if status is Status.COMPLETED and (not full or record.open_ends):
            raise Violation("status", f"{chain} is completed with {record.read} of {record.readings} read")
        if status is Status.COMPLETED_WITH_GAPS and ((full and not record.open_ends) or ended != record.readings):
            raise Violation("status", f"{chain} has gaps with {record.read}, {record.unread} of {record.readings}")
        if status is Status.STOPPED and not self.interrupted:
            raise Violation("status", f"{chain} is stopped, and nobody stopped it")
        if status is not Status.FAILED:
            return
        scan = self.life.settings.scan
        silent = self.loop.time() - max(self.began, self.watch.success_at.get(chain, self.began))
        if error.startswith("no provider answered for"):
            if silent < scan.outage_limit - 1e-3:
                raise Violation("status", f"{chain} gave up after {silent:.1f} s of silence")
        elif error.startswith("no provider is left"):
            out = [upstream.trust.out for upstream in self.fleet.upstreams[chain]]
            if not all(out):
                raise Violation("status", f"{chain} gave up, and somebody was left")
        elif error.startswith("every provider is paused"):
            if self.life.scenario.heals > 1e5:
                raise Violation("status", f"{chain} gave up: {error}")
        elif not self.life.disk.failed:
            raise Violation("status", f"{chain} failed without a reason: {error}")

    def _check_quarantine(self, chain: str, scan_id: int) -> None:
        gone = [upstream.name for upstream in self.fleet.upstreams[chain] if upstream.trust is Trust.QUARANTINED]
        if gone and not self.life.disk.failed:
            marks = ",".join("?" * len(gone))
            database = self.watch._database
            assert database is not None
            query = "SELECT count(*) FROM balance b JOIN source s ON s.id = b.source_id WHERE b.scan_id = ? AND s.name IN"
            (count,) = database.execute(f"{query} ({marks})", (scan_id, *gone)).fetchone()
            if count:
                raise Violation("quarantine", f"{count} balances of quarantined {', '.join(gone)} are still believed")

    def _check_branches(self, chain: str, scan_id: int) -> None:
        """What was said of a branch, whose block was named and later another in its place, is not believed any more."""
        scanner = self.engine._scanners[chain]
        if scanner.progress.record.status not in (Status.COMPLETED, Status.COMPLETED_WITH_GAPS) or self.life.disk.failed:
            return
        sites = {site.name: site for site in self.watch.sites[chain] if site.branch_named and site.block_at > site.orphaned_at}
        for upstream in self.fleet.upstreams[chain]:
            site = sites.get(upstream.name.split("/")[0])
            if site is None or upstream.trust.out or upstream.provider.endpoint in scanner._pool._watch.unheard:
                continue
            for row in self.store.balances.rows(chain):
                key = chain, row.index, row.asset
                right = (None, str(self.watch.true(key)), str(self.watch.true(key, 0)))  # of this scan, or of an earlier one
                said = (row.address.lower(), row.asset) in site.on_branch
                stands = row.state is BalanceState.READ  # a stale amount is an earlier scan's, which had ended by then
                if stands and row.source == upstream.name and said and row.amount not in right:
                    raise Violation("reorg", f"{row.asset} of {chain} address {row.index} is still what {row.source} took back")

    def _check_providers(self, worked: list[str]) -> None:
        assert self.live is not None
        said = {status.name: status for status in self.live.snapshot().providers}
        for status in self.engine.statuses():
            if status.chain in worked and status.name in said:
                mine = said[status.name]
                if (mine.calls, mine.ok, mine.failed, mine.throttled) != (
                    status.calls,
                    status.ok,
                    status.failed,
                    status.throttled,
                ):
                    raise Violation("totals", f"{status.name}: {mine} was said, {status} is so")
