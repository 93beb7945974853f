"""YAML as the kubelet reads it, with the place of each value in the text."""

import copy
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, with the differences of the kubelet's that matter for places and tabs."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Give an alias its own place: PyYAML returns the node of the anchor."""
        if not self.check_event(yaml.AliasEvent):
            return super().compose_node(parent, index)
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it open
        node: Any = copy.copy(super().compose_node(parent, index))
        node.start_mark, node.end_mark = event.start_mark, event.end_mark
        if isinstance(node, yaml.ScalarNode):
            node.style = '"' if node.style else node.style  # one line, also for a block
        else:
            node.flow_style = True
        return node

    def scan_to_next_token(self) -> None:
        """Skip blanks and comments; also tabs, but where a key could begin."""
        while True:
            super().scan_to_next_token()
            if self.peek() != "\t" or not (self.flow_level or not self.allow_simple_key):
                return
            self.forward()


def compose(text: str) -> Any:
    """Return the root node of the first document, which is all that the kubelet reads, or None.

    Raises yaml.YAMLError.
    """
    return next(yaml.compose_all(text, Loader=_Loader), None)
