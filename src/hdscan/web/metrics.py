"""`GET /metrics`: scan, providers and event streams as OpenMetrics; no label holds an address or a key."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from hdscan.app import Wallet
from hdscan.model.scan import ProviderState
from hdscan.web.hub import Hub
from hdscan.web.totals_cache import TotalsCache


class Metrics(Collector):
    """Collects all metrics when asked."""

    def __init__(self, wallet: Wallet, hub: Hub, totals: TotalsCache) -> None:
        self._wallet = wallet
        self._hub = hub
        self._totals = totals
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        return bytes(generate_latest(self._registry))  # type: ignore[no-untyped-call] # the library ships it without types

    def describe(self) -> list[Metric]:
        """Nothing: `collect` names the metrics."""
        return []

    def collect(self) -> Iterator[Metric]:
        snapshot = self._hub.state.snapshot()
        yield GaugeMetricFamily("hdscan_scan_running", "Whether a scan is running.", value=snapshot.running)
        readings = GaugeMetricFamily(
            "hdscan_readings", "Readings of the last scan, by how they ended.", labels=["chain", "state"]
        )
        audits = GaugeMetricFamily("hdscan_audits", "Readings of the last scan that were audited.", labels=["chain", "outcome"])
        addresses = GaugeMetricFamily("hdscan_addresses", "Addresses in the last scan.", labels=["chain"])
        funded = GaugeMetricFamily("hdscan_funded_addresses", "Addresses with an amount above zero.", labels=["chain"])
        requests = GaugeMetricFamily("hdscan_scan_requests", "HTTP calls of the last scan.", labels=["chain"])
        audit_requests = GaugeMetricFamily("hdscan_audit_requests", "Those of them that were audits.", labels=["chain"])
        for name, chain in snapshot.chains.items():
            for state in ("read", "unread", "disputed"):
                readings.add_metric([name, state], getattr(chain, state))
            readings.add_metric([name, "pending"], chain.readings - chain.ended)
            audits.add_metric([name, "answered"], chain.audited)
            audits.add_metric([name, "unanswered"], chain.unaudited)
            addresses.add_metric([name], chain.addresses)
            funded.add_metric([name], chain.funded)
            requests.add_metric([name], chain.requests)
            audit_requests.add_metric([name], chain.audit_requests)
        yield from (readings, audits, addresses, funded, requests, audit_requests, self._confirmed())
        yield from self._providers()
        yield CounterMetricFamily("hdscan_events", "Events published by this process.", value=self._hub.seq)
        yield GaugeMetricFamily(
            "hdscan_event_clients", "Clients connected to the event stream.", value=len(self._hub.subscriptions)
        )

    def _confirmed(self) -> Metric:
        labels = ["chain", "asset", "amount"]
        confirmed = GaugeMetricFamily("hdscan_confirmed_readings", "Readings whose amount two operators stated.", labels=labels)
        for each in self._totals.of(None, None):
            confirmed.add_metric([each.chain, each.asset, "above_zero"], each.confirmed_funded)
            confirmed.add_metric([each.chain, each.asset, "zero"], each.confirmed_zeros)
        return confirmed

    def _providers(self) -> Iterator[Metric]:
        calls = GaugeMetricFamily(
            "hdscan_provider_calls", "Calls of the last scan, by outcome.", labels=["provider", "outcome"]
        )
        amounts = GaugeMetricFamily("hdscan_provider_amounts", "Amounts that the last scan's calls gave.", labels=["provider"])
        states = GaugeMetricFamily("hdscan_provider_state", "1 for the current state.", labels=["provider", "state"])
        rates = GaugeMetricFamily("hdscan_provider_rate", "Current rate limit in calls per second.", labels=["provider"])
        for each in self._wallet.providers():
            for outcome in ("ok", "failed", "throttled"):
                calls.add_metric([each.name, outcome], getattr(each, outcome))
            for state in ProviderState:
                states.add_metric([each.name, state.value], each.state is state)
            amounts.add_metric([each.name], each.amounts)
            rates.add_metric([each.name], each.rate)
        yield from (calls, amounts, states, rates)
