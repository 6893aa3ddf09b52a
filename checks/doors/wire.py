"""Requests as they stand, byte by byte, and the answers to them."""

import re
import socket
import ssl
from dataclasses import dataclass, field


@dataclass
class Answer:
    """An answer; `status` is 0 where the connection was closed without one."""

    status: int = 0
    headers: list = field(default_factory=list)
    body: str = ""

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name):
        return ", ".join(self.all(name))


@dataclass
class Address:
    """Where a door is, and whether it speaks TLS."""

    port: int
    tls: bool = False

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        if not self.tls:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(connection, server_hostname="api.example.com")

    def send(self, request):
        """Sends bytes, and reads everything until the other side closes."""
        received = b""
        try:
            with self.connect() as connection:
                connection.sendall(request)
                while more := connection.recv(65536):
                    received += more
        except (ConnectionError, TimeoutError, ssl.SSLError):
            pass  # what came until then is the answer
        return parse(received)


def parse(received):
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})", lines[0])
    if not status:
        return Answer()
    headers = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
    answer = Answer(int(status[1]), headers, body.decode("latin-1"))
    if "chunked" in answer.header("transfer-encoding"):
        answer.body = unchunked(body).decode("latin-1")
    return answer


def unchunked(body):
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


def request(target, *lines, method="GET", host="api.example.com", body=""):
    """A request after which the connection ends; `host` may be several, or none."""
    hosts = [host] if isinstance(host, str) else host
    length = [f"Content-Length: {len(body)}"] if body else []
    connection = [] if any(line.startswith("Connection:") for line in lines) else ["Connection: close"]
    head = [f"{method} {target} HTTP/1.1", *(f"Host: {one}" for one in hosts), *lines]
    return "\r\n".join([*head, *length, *connection, "", body]).encode("latin-1")
