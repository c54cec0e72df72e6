"""Who takes part. A peer joins by one module that keeps `Contender` and one line of `CONTENDERS`."""

from __future__ import annotations

from bench.contenders.arq_redis import ArqRedis
from bench.contenders.bullmq_node import BullmqNode
from bench.contenders.celery_prefork import CeleryLate, CeleryPrefork
from bench.contenders.contender import Contender
from bench.contenders.dbos_postgres import DbosPostgres
from bench.contenders.dramatiq_redis import DramatiqRedis
from bench.contenders.perdure_itself import PerdureItself
from bench.contenders.probe import Probe
from bench.contenders.restate_server import RestateServer
from bench.contenders.taskiq_streams import TaskiqStreams
from bench.contenders.temporal_server import TemporalServer

CONTENDERS: dict[str, type[Contender]] = {
    "perdure": PerdureItself,
    "probe": Probe,
    "celery": CeleryPrefork,
    "celery-late": CeleryLate,
    "dramatiq": DramatiqRedis,
    "taskiq": TaskiqStreams,
    "arq": ArqRedis,
    "bullmq": BullmqNode,
    "dbos": DbosPostgres,
    "restate": RestateServer,
    "temporal": TemporalServer,
}
"""Name to class, in the order of the table."""

__all__ = ["CONTENDERS", "Contender"]
