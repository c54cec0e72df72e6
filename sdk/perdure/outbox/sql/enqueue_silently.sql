-- Purpose: keep a start; relays find it when they look, or when they are told otherwise. Else as `enqueue`.
INSERT INTO perdure_outbox (kind, namespace, execution_id, type, task_queue, request_id, request)
VALUES (%(kind)s, %(namespace)s, %(execution_id)s, %(type)s, %(task_queue)s, %(request_id)s, %(request)s)
