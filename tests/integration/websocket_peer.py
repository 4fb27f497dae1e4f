"""A WebSocket server that echoes, and a client that talks to it through whatever lies between.

    websocket_peer.py serve [CERTIFICATE KEY]     prints "listening on HOST PORT"
    websocket_peer.py talk PORT TARGET [CA]       prints "well", or "rejected STATUS"

With the files it speaks TLS.
"""

import asyncio
import os
import ssl
import sys

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message)
    # The client has closed in order.


async def serve(certificate=None, key=None):
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["echo"],
                                max_size=None, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        print("listening on 127.0.0.1", port, flush=True)
        await asyncio.Future()


async def talk(port, target, authority=None):
    url = f"{'wss' if authority else 'ws'}://127.0.0.1:{port}{target}"
    tls = ssl.create_default_context(cafile=authority) if authority else None
    try:
        connection = await websockets.connect(url, subprotocols=["echo"], max_size=None, ssl=tls)
    except websockets.InvalidStatusCode as refusal:
        print("rejected", refusal.status_code)
        return
    assert connection.subprotocol == "echo"
    for message in ["", "text", "x" * 100_000, b"\0\1\2", os.urandom(3_000_000)]:
        await connection.send(message)
        assert await connection.recv() == message
    await (await connection.ping())
    # Many under way at once.
    for number in range(200):
        await connection.send(str(number))
    for number in range(200):
        assert await connection.recv() == str(number)
    await connection.close()
    assert connection.close_code == 1000, connection.close_code
    print("well")


if sys.argv[1] == "serve":
    asyncio.run(serve(*sys.argv[2:]))
else:
    asyncio.run(asyncio.wait_for(talk(*sys.argv[2:]), 30))
