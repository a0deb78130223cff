"""Runs custom actions inside this process, where Rasa expects an action server's address.

Rasa's `RemoteAction` posts a JSON body to an endpoint; here the endpoint is an object that hands the body to
rasa-sdk's executor. No second server, no HTTP, and actions are instances that got their clients in the constructor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import Action, ActionExecutionRejection

action_errors: ContextVar[list[Exception] | None] = ContextVar("action_errors", default=None)
"""Where a turn collects what its actions raised: Rasa logs such an error and goes on as if nothing had happened."""


class InProcessActions(EndpointConfig):
    """The endpoint that `MessageProcessor` is given."""

    def __init__(self, actions: Iterable[Action]) -> None:
        super().__init__(url="in-process", enable_selective_domain=True)
        self._executor = ActionExecutor()
        for action in actions:
            self._executor.register_action(action)

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = None,
        compress: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Run the action that Rasa names in `next_action`.

        Raises:
            ClientResponseError: with status 400, which is how Rasa hears that a form refused a value.
        """
        try:
            result = await self._executor.run({"domain": {}, **kwargs["json"]})
        except ActionExecutionRejection as rejection:
            body = {"action_name": rejection.action_name, "error": rejection.message}
            raise ClientResponseError(400, rejection.message, json.dumps(body)) from None
        except Exception as error:
            errors = action_errors.get()
            if errors is not None:
                errors.append(error)
            raise
        return result.model_dump() if result is not None else {"events": [], "responses": []}


_SCHEMA = RemoteAction.action_response_format_spec()
_VALIDATOR = validator_for(_SCHEMA)(_SCHEMA)


def _validate_prepared(self: RemoteAction, result: dict[str, Any]) -> bool:
    _VALIDATOR.validate(result)
    return True


def use_prepared_validator() -> None:
    """Check each action's answer with a validator made once.

    Rasa calls `jsonschema.validate`, which checks the schema itself again every time: most of a turn's cost.
    """
    RemoteAction._validate_action_result = _validate_prepared  # type: ignore[method-assign]
