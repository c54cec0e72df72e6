"""Who takes part. A peer joins by one module that keeps `Contender` and one line of `CONTENDERS`."""

from __future__ import annotations

from bench.contenders.contender import Contender
from bench.contenders.perdure_itself import PerdureItself
from bench.contenders.probe import Probe

CONTENDERS: dict[str, type[Contender]] = {"perdure": PerdureItself, "probe": Probe}
"""Name to class, in the order of the table."""

__all__ = ["CONTENDERS", "Contender"]
