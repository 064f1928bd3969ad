# SPDX-License-Identifier: Apache-2.0
"""ZMTP 3.1 and CURVE by hand (RFC 23 and 26 of ZeroMQ): what a peer can send that no library would.

Nothing here is Fettle's or libzmq's: a fault of theirs must not be able to hide itself.  Only the
boxes are libsodium's.
"""
import asyncio
import ctypes
import ctypes.util
import os
import struct

SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
MAC = 16
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
MORE, LONG, COMMAND = 1, 2, 4  # flags of a frame


class Refused(Exception):
    """The other side ended the connection, or answered what lets nobody in."""


def z85_decode(text):
    out = b""
    for at in range(0, len(text), 5):
        value = 0
        for letter in text[at:at + 5]:
            value = value * 85 + Z85.index(letter)
        out += struct.pack(">I", value)
    return out


def z85_encode(data):
    out = ""
    for at in range(0, len(data), 4):
        value = struct.unpack(">I", data[at:at + 4])[0]
        out += "".join(Z85[value // 85 ** i % 85] for i in (4, 3, 2, 1, 0))
    return out


def key_pair():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    assert SODIUM.crypto_box_keypair(public, secret) == 0
    return public.raw, secret.raw


def load_pair(directory, name="agent"):
    with open(os.path.join(directory, name + ".pub"), encoding="ascii") as public, \
            open(os.path.join(directory, name + ".key"), encoding="ascii") as secret:
        return z85_decode(public.read().strip()), z85_decode(secret.read().strip())


def box(message, nonce, public, secret):
    out = ctypes.create_string_buffer(len(message) + MAC)
    assert SODIUM.crypto_box_easy(out, message, ctypes.c_ulonglong(len(message)), nonce, public,
                                  secret) == 0
    return out.raw


def unbox(sealed, nonce, public, secret):
    out = ctypes.create_string_buffer(max(1, len(sealed) - MAC))
    if SODIUM.crypto_box_open_easy(out, sealed, ctypes.c_ulonglong(len(sealed)), nonce, public,
                                   secret) != 0:
        raise Refused("a box that does not open")
    return out.raw[:len(sealed) - MAC]


def greeting(mechanism):
    return (b"\xff" + bytes(8) + b"\x7f\x03\x01" + mechanism.ljust(20, b"\0")[:20] + b"\0"
            + bytes(31))


def frame(body, flags=0):
    if len(body) > 255:
        return bytes([flags | LONG]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def properties(pairs):
    return b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
                    for name, value in pairs)


def dealer(*more):
    return properties([(b"Socket-Type", b"DEALER"), (b"Identity", b"")] + list(more))


class Peer:
    """One connection, in the clear until `curve` has been through."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.server = self.key = None
        self.sent = 0  # short nonces
        self.poured = self.pours_since = 0  # messages without an end: bytes, and from when on

    @classmethod
    async def dial(cls, port, source="127.0.0.1"):
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, count):
        try:
            return await self.reader.readexactly(count)
        except (asyncio.IncompleteReadError, OSError) as end:
            raise Refused("the connection was ended") from end

    async def receive_frame(self):
        flags = (await self.receive(1))[0]
        size = struct.unpack(">Q", await self.receive(8))[0] if flags & LONG \
            else (await self.receive(1))[0]
        return flags, await self.receive(size)

    async def until_ended(self):
        """Reads on until the other side has had enough."""
        try:
            while await self.reader.read(65536):
                pass
        except OSError:
            pass

    def close(self):
        self.writer.close()

    # ---- CURVE, as a client ----

    def nonce(self, name):
        self.sent += 1
        short = struct.pack(">Q", self.sent)
        return name + short, short

    def hello(self, server_key):
        self.server, self.key = server_key, key_pair()
        nonce, short = self.nonce(b"CurveZMQHELLO---")
        sealed = box(bytes(64), nonce, self.server, self.key[1])
        return frame(b"\x05HELLO\x01\x00" + bytes(72) + self.key[0] + short + sealed, COMMAND)

    async def welcome(self):
        _, body = await self.receive_frame()
        if not body.startswith(b"\x07WELCOME"):
            raise Refused(body)
        plain = unbox(body[24:], b"WELCOME-" + body[8:24], self.server, self.key[1])
        return plain[:32], plain[32:]

    def initiate(self, pair, session_key, cookie, metadata):
        vouch_nonce = os.urandom(16)
        vouch = box(self.key[0] + self.server, b"VOUCH---" + vouch_nonce, session_key, pair[1])
        nonce, short = self.nonce(b"CurveZMQINITIATE")
        sealed = box(pair[0] + vouch_nonce + vouch + metadata, nonce, session_key, self.key[1])
        self.server = session_key
        return frame(b"\x08INITIATE" + cookie + short + sealed, COMMAND)

    async def curve(self, server_key, pair, metadata=None):
        """The whole handshake; returns once the server is ready for us."""
        await self.send(greeting(b"CURVE"))
        await self.receive(64)
        await self.send(self.hello(server_key))
        session_key, cookie = await self.welcome()
        await self.send(self.initiate(pair, session_key, cookie, metadata or dealer()))
        _, body = await self.receive_frame()
        if not body.startswith(b"\x05READY"):
            raise Refused(body)
        unbox(body[14:], b"CurveZMQREADY---" + body[6:14], self.server, self.key[1])

    def message(self, payload, more=False):
        nonce, short = self.nonce(b"CurveZMQMESSAGEC")
        flags = bytes([MORE if more else 0])
        return frame(b"\x07MESSAGE" + short + box(flags + payload, nonce, self.server,
                                                  self.key[1]))

    async def receive_message(self):
        """The payload of the next message; what else comes is passed over."""
        while True:
            _, body = await self.receive_frame()
            if body.startswith(b"\x07MESSAGE"):
                return unbox(body[16:], b"CurveZMQMESSAGES" + body[8:16], self.server,
                             self.key[1])[1:]


# ---- just enough of proto/link.proto ----

def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def link_hello():
    """A frame that says hello, as an agent with an empty spool would."""
    hello = (b"\x08\x01\x10\x01" + field(3, b"agent") + field(4, os.urandom(16))
             + b"\x28\x00\x30\x01" + field(7, bytes(16)) + field(10, os.urandom(8)))
    return b"\x08\x00" + field(2, hello)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def link_session(data):
    """The session's number, which stands first in a frame."""
    assert data[0] == 0x08, data
    value = shift = 0
    for byte in data[1:]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value


def link_ping(session):
    return b"\x08" + varint(session) + field(7, b"\x08\x01")
