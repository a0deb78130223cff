"""What Prometheus is told: requests, turns, failures, fallbacks. Counts only, never who or what was said."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from sanic import Request

from bot.events import CodeDelivery, Event, Record, ResendRedeemed, TurnAnswered, TurnFailed

_TURN_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "twostep_requests", "Requests by route and status", ["method", "route", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "twostep_request_seconds", "Seconds for a request", ["route"], registry=self.registry
        )
        self._turns = Counter(
            "twostep_turns", "Messages answered", ["channel", "decision", "kind"], registry=self.registry
        )
        self._turn_seconds = Histogram(
            "twostep_turn_seconds", "Seconds for a turn", ["channel"], buckets=_TURN_SECONDS, registry=self.registry
        )
        self._failed = Counter(
            "twostep_turns_failed", "Messages that got the failure answer", ["channel", "reason"],
            registry=self.registry,
        )
        self._fallbacks = Counter(
            "twostep_fallbacks", "Messages that got a fallback", ["channel"], registry=self.registry
        )
        self._actions_failed = Counter(
            "twostep_actions_failed", "Turns in which a client was down", ["channel"], registry=self.registry
        )
        self._resends = Counter("twostep_resends", "Codes asked for by the bot", ["outcome"], registry=self.registry)
        self._deliveries = Counter(
            "twostep_deliveries", "Messages in a final state", ["channel", "state"], registry=self.registry
        )

    def observe(self, request: Request, status: int, seconds: float) -> None:
        """Count a finished request under its route's pattern, never under the address that was asked for."""
        route = f"/{request.route.path}" if request.route else "unknown"
        self._requests.labels(request.method if request.route else "unknown", route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def counting(self, record: Record) -> Record:
        """`record`, with each event counted before."""

        async def count_and_record(event: Event) -> None:
            self._count(event)
            await record(event)

        return count_and_record

    def _count(self, event: Event) -> None:
        match event:
            case TurnAnswered():
                self._turns.labels(event.channel, event.decision, event.kind).inc()
                self._turn_seconds.labels(event.channel).observe(event.seconds)
                if event.decision == "fallback":
                    self._fallbacks.labels(event.channel).inc()
                if event.failed_action:
                    self._actions_failed.labels(event.channel).inc()
            case TurnFailed():
                self._failed.labels(event.channel, event.reason).inc()
            case ResendRedeemed():
                self._resends.labels(event.outcome).inc()
            case CodeDelivery():
                self._deliveries.labels(event.channel, event.state).inc()
