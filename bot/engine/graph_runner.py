"""Runs Rasa's prediction graph by plain calls instead of dask's scheduler.

Behind Rasa's own `GraphRunner` interface: the same nodes in the same order with the same inputs, without building and
optimising a task graph for every message.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import ExecutionContext, GraphNode, GraphNodeHook, GraphSchema
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.storage import ModelStorage


class DirectGraphRunner(GraphRunner):
    """Evaluates what the targets need, each node once, depth first."""

    def __init__(self, schema: GraphSchema, nodes: dict[str, GraphNode]) -> None:
        self._nodes = nodes
        self._needs = {name: tuple(node.needs.values()) for name, node in schema.nodes.items()}
        self._order: dict[tuple[str, ...], list[str]] = {}

    @classmethod
    def create(
        cls,
        graph_schema: GraphSchema,
        model_storage: ModelStorage,
        execution_context: ExecutionContext,
        hooks: list[GraphNodeHook] | None = None,
    ) -> DirectGraphRunner:
        """Load every node of the schema (Rasa calls this once, when the model is loaded)."""
        nodes = {
            name: GraphNode.from_schema_node(name, node, model_storage, execution_context, hooks)
            for name, node in graph_schema.nodes.items()
        }
        return cls(graph_schema, nodes)

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """The values of the target nodes.

        Raises:
            GraphRunError: a node needs an input that was not given.
        """
        wanted = tuple(targets or self._nodes)
        if wanted not in self._order:
            self._order[wanted] = self._plan(wanted)
        # A node takes (name, value) pairs; inputs are handed over in the same shape, as in Rasa's DaskGraphRunner.
        values: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        for name in self._order[wanted]:
            if name not in values:
                try:
                    arguments = [values[need] for need in self._needs[name]]
                except KeyError as error:
                    raise GraphRunError(f"{name} needs {error.args[0]}, which was not given") from None
                values[name] = self._nodes[name](*arguments)
        return {name: values[name][1] for name in wanted}

    def _plan(self, targets: tuple[str, ...]) -> list[str]:
        order: dict[str, None] = {}

        def visit(name: str) -> None:
            if name in order or name not in self._nodes:
                return
            for need in self._needs[name]:
                visit(need)
            order[name] = None

        for target in targets:
            visit(target)
        return list(order)
