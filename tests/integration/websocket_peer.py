"""A WebSocket server that echoes, and a client that talks to it through whatever lies between.

    websocket_peer.py serve                 prints "listening on HOST PORT"
    websocket_peer.py talk PORT TARGET      prints "well", or "rejected STATUS"
"""

import asyncio
import os
import sys

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message)
    # The client has closed in order.


async def serve():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["echo"],
                                max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        print("listening on 127.0.0.1", port, flush=True)
        await asyncio.Future()


async def talk(port, target):
    try:
        connection = await websockets.connect(f"ws://127.0.0.1:{port}{target}",
                                              subprotocols=["echo"], max_size=None)
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
    asyncio.run(serve())
else:
    asyncio.run(asyncio.wait_for(talk(sys.argv[2], sys.argv[3]), 30))
