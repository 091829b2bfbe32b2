"""The engine of triton-claims: what is claimed, run, judged and shown.

It imports neither pytest nor the suites; ``fixtures`` joins the two.
"""

from __future__ import annotations

__version__ = "0.1.0"
