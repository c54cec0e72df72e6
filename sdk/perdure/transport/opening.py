"""Opening a transport: from an address to a connection, or to an error that says what to do."""

from __future__ import annotations

from perdure.service import RPCError, RPCStatusCode, TLSConfig
from perdure.transport.address import DEFAULT_ADDRESS
from perdure.transport.certificates import with_certificates
from perdure.transport.transport import Transport
from perdure_broker.address import parse_address
from perdure_broker.leases import open_leases
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_broker.redis_broker import open_broker


async def open_transport(
    address: str = DEFAULT_ADDRESS, *, identity: str | None = None, tls: bool | TLSConfig = False
) -> Transport:
    """Connect to the cluster whose Redis or Valkey is at `address` (`host:port` or a URL).

    Raises:
        ValueError: not an address.
        RPCError: UNAVAILABLE when nothing answers there, or no engine has announced itself there (yet: engines do so
            again when the server has lost its data), FAILED_PRECONDITION when the server cannot be used as it is.
    """
    url = with_certificates(address, tls)
    shown = parse_address(url).shown
    broker = open_broker(url)
    try:
        await broker.connect()
        cluster = await broker.cluster_info()
        if cluster is None:
            raise RPCError(
                f"Redis answers at {shown}, but no engine has ever started there, or Redis has just lost its data and "
                "engines will announce themselves within seconds. Start one with `perdure dev` or "
                "`perdure engine --postgres DSN --redis URL`, or correct the address (--address, PERDURE_ADDRESS).",
                RPCStatusCode.UNAVAILABLE,
            )
        transport = Transport(broker, cluster, address=shown, identity=identity, open_leases=lambda: open_leases(url))
        await transport.start()
    except BrokerUnavailable as error:
        await broker.close()
        raise RPCError(
            f"Nothing answers at {shown} ({error}). Start a cluster with `perdure dev`, or correct the address "
            "(--address, PERDURE_ADDRESS).",
            RPCStatusCode.UNAVAILABLE,
        ) from None  # the text has it all
    except WrongConfiguration as error:
        await broker.close()
        raise RPCError(str(error), RPCStatusCode.FAILED_PRECONDITION) from None
    except BaseException:
        await broker.close()
        raise
    return transport
