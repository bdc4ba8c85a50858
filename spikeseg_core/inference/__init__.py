"""A finished network as its user wants it: sections in, membrane probability out."""

from typing import Literal

Kind = Literal["ann", "rate_tuned", "integer"]
"""What a network runs as."""
