"""A client of the events, written from the table in docs/api.md and from nothing else."""

from typing import Any

State = dict[str, Any]


def reduced(state: State, event: str, data: dict[str, Any]) -> State:
    """The state after an event, as a client has to understand it."""
    match event:
        case "scan_state":
            return {key: value for key, value in data.items() if key != "reason"}
        case "scan_progress" | "scan_complete":
            chains = state["chains"] | {data["chain"]: data}
            running = any(chain["status"] == "running" for chain in chains.values())
            return state | {"chains": chains, "scan_id": max(each["scan_id"] for each in chains.values()), "running": running}
        case "scan_token_error":
            return state | {"token_errors": put(state["token_errors"], data, ("chain", "token"), keep=data["addresses"] > 0)}
        case "scan_error":
            return state | {"errors": [*state["errors"], data][-20:]}
        case "provider_state":
            return state | {"providers": put(state["providers"], data, ("name",), keep=True)}
    assert event in ("ping", "bye"), event
    return state


def put(items: list[State], new: State, names: tuple[str, ...], *, keep: bool) -> list[State]:
    """The list with a new item in its place, or at the end; without it where it is not to be kept."""
    at = [index for index, item in enumerate(items) if all(item[name] == new[name] for name in names)] or [len(items)]
    return [*items[: at[0]], *([new] if keep else []), *items[at[0] + 1 :]]
