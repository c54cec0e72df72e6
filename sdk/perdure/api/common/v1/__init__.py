"""`Payload`, where programs written for `temporalio` look for it; elsewhere it is `perdure.common.Payload`."""

from perdure.protocol.payload import Payload

__all__ = ["Payload"]
