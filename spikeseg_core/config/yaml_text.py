"""YAML from anybody: plain values, no aliases, and not nested without end."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped]

MOST_BYTES = 2**20


class _Plain(yaml.SafeLoader):
    """Refuses aliases, a few lines of which stand for more values than any memory holds.

    Refuses a key that is there twice, too: the last would win without a word.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            found = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"the alias *{found.anchor}: write its values out", found.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        if twice := {str(key) for key in keys if keys.count(key) > 1}:
            raise yaml.YAMLError(f"{', '.join(sorted(twice))} is there twice")
        return super().construct_mapping(node, deep)


def read_yaml(content: bytes) -> Any:
    """Read a YAML document.

    Raises
    ------
    ValueError
        If it is none, has an alias, is nested too deeply or is over 1 MiB.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has over {MOST_BYTES:,} bytes")
    try:
        return yaml.load(content.decode("utf-8"), _Plain)  # noqa: S506 - its parent is SafeLoader
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (yaml.YAMLError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    except (LookupError, AttributeError) as error:  # such as `!!bool x` and `!!int ''`
        raise ValueError("a value is not of the type that its tag names") from error
