"""Celery's settings: which of them mean something here, what they are unless a program says otherwise, and what is said
about the others.

Three kinds: `DEFAULTS` are honoured; `WITHOUT_EFFECT` are of machinery that is not here; `REFUSED` would be missed, so
that a program learns at once what takes their place. All others are the program's own, and looked at by `conf`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

DEFAULTS: Mapping[str, Any] = {
    "broker_url": None,
    "result_backend": None,
    "result_expires": timedelta(days=1),
    "task_default_queue": "celery",
    "task_queues": None,
    "task_routes": None,
    "task_default_priority": None,
    "task_always_eager": False,
    "task_eager_propagates": False,
    "task_store_eager_result": False,
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "task_acks_on_failure_or_timeout": True,
    "task_track_started": False,
    "task_ignore_result": False,
    "task_store_errors_even_if_ignored": False,
    "task_time_limit": None,
    "task_soft_time_limit": None,
    "task_annotations": None,
    "task_serializer": "json",
    "result_serializer": "json",
    "event_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": None,
    "timezone": None,
    "enable_utc": True,
    "imports": (),
    "include": (),
    "beat_schedule": {},
    "beat_cron_starting_deadline": None,
    "worker_pool": "prefork",
    "worker_concurrency": None,
    "worker_max_tasks_per_child": None,
    "worker_max_memory_per_child": None,
}
"""The settings that are honoured."""

_WITHOUT_EFFECT = """
broker_connection_max_retries broker_connection_retry broker_connection_retry_on_startup broker_connection_timeout
broker_channel_error_retry broker_heartbeat broker_heartbeat_checkrate broker_pool_limit broker_transport
broker_transport_options broker_read_url broker_write_url broker_failover_strategy
broker_native_delayed_delivery_queue_type result_backend_transport_options result_backend_always_retry
result_backend_max_retries result_chord_join_timeout result_chord_retry_interval result_extended result_persistent
result_cache_max result_compression redis_backend_health_check_interval redis_backend_use_ssl redis_max_connections
redis_retry_on_timeout redis_socket_connect_timeout redis_socket_keepalive redis_socket_timeout
redis_backend_credential_provider task_compression task_create_missing_queues task_default_delivery_mode
task_default_exchange task_default_exchange_type task_default_queue_type task_default_routing_key task_protocol
task_publish_retry task_publish_retry_policy task_remote_tracebacks task_send_sent_event
task_allow_error_cb_on_chord_header worker_cancel_long_running_tasks_on_connection_loss
worker_deduplicate_successful_tasks worker_detect_quorum_queues worker_disable_rate_limits
worker_enable_remote_control worker_eta_task_limit worker_hijack_root_logger worker_log_color worker_log_format
worker_lost_wait worker_pool_restarts worker_prefetch_multiplier worker_proc_alive_timeout worker_redirect_stdouts
worker_redirect_stdouts_level worker_send_task_events worker_soft_shutdown_timeout worker_enable_soft_shutdown_on_idle
worker_state_db worker_task_log_format worker_timer worker_timer_precision worker_enable_prefetch_count_reduction
worker_agent worker_autoscaler worker_consumer worker_direct control_exchange control_queue_durable
control_queue_expires control_queue_ttl event_exchange event_queue_expires event_queue_prefix event_queue_ttl
event_queue_durable event_queue_exclusive beat_max_loop_interval beat_schedule_filename beat_scheduler beat_sync_every
beat_logfile database_create_tables_at_setup database_engine_options
database_short_lived_sessions database_table_names cache_backend cache_backend_options mongodb_backend_settings
deprecated_settings
"""
WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT.split())
"""Of machinery that is not here, or works by itself: taken, and nobody misses them."""

REFUSED: Mapping[str, str] = {
    "task_queue_max_priority": "here as on Redis, priority 0 is the first and 9 the last; turn your priorities "
    "round, and leave this setting out",
    "task_inherit_parent_priority": "give apply_async(priority=...) where a task starts others",
    "task_default_rate_limit": "rates are those of queues, held across all workers: `perdure queue set QUEUE --rate N`",
    "security_key": "use a payload codec: `perdure.converter.PayloadCodec` encrypts all values",
    "security_certificate": "use a payload codec: `perdure.converter.PayloadCodec` encrypts all values",
    "security_cert_store": "use a payload codec: `perdure.converter.PayloadCodec` encrypts all values",
    "broker_use_ssl": "give a broker URL that begins with rediss://, with options such as ?ssl_ca_certs=/path",
}
"""What would be missed, and what takes its place. (None, False and empty values ask for nothing.)"""

OLD_NAMES: Mapping[str, str] = {
    "broker": "broker_url",
    "backend": "result_backend",
    "always_eager": "task_always_eager",
    "eager_propagates_exceptions": "task_eager_propagates",
    "acks_late": "task_acks_late",
    "track_started": "task_track_started",
    "ignore_result": "task_ignore_result",
    "default_queue": "task_default_queue",
    "queues": "task_queues",
    "routes": "task_routes",
    "annotations": "task_annotations",
    "task_result_expires": "result_expires",
    "celeryd_time_limit": "task_time_limit",
    "celeryd_soft_time_limit": "task_soft_time_limit",
    "celeryd_concurrency": "worker_concurrency",
    "celeryd_pool": "worker_pool",
    "celeryd_max_tasks_per_child": "worker_max_tasks_per_child",
    "celerybeat_schedule": "beat_schedule",
}
"""Names of before Celery 4, in lower case and without CELERY_ before them; programs may still use them."""

JSON_FAMILY = frozenset({"json", "application/json", "msgpack", "application/x-msgpack"})


class Rule(NamedTuple):
    """What a setting may be."""

    is_right: Callable[[Any], bool]
    allowed: str


def _is_serializer(value: Any) -> bool:
    return value is None or value in JSON_FAMILY


def _are_serializers(value: Any) -> bool:
    return value is None or (not isinstance(value, str) and all(kind in JSON_FAMILY for kind in value))


_SERIALIZER = (
    "values travel as JSON: leave it out, or say 'json'. Pickle runs the code of whoever can write to the broker"
)

RULES: Mapping[str, Rule] = {
    "task_serializer": Rule(_is_serializer, _SERIALIZER),
    "result_serializer": Rule(_is_serializer, _SERIALIZER),
    "event_serializer": Rule(_is_serializer, _SERIALIZER),
    "accept_content": Rule(_are_serializers, _SERIALIZER),
    "result_accept_content": Rule(_are_serializers, _SERIALIZER),
    "task_acks_on_failure_or_timeout": Rule(
        bool, "what fails has failed: to have it tried again, say autoretry_for=(Exception,) or call self.retry()"
    ),
    "worker_pool": Rule(
        lambda value: value in ("prefork", "processes", "threads", "solo"),
        "give 'prefork' (processes), 'threads' or 'solo'; for thousands of waits at once, write `async def` tasks with "
        "perdure.task",
    ),
}
