"""What is left when the program itself cannot be loaded or run: stay, and say why.

A registered extension that exits makes Lambda fail the function, so the process goes on asking
for events, and answers every HTTP request with a 500 that names the cause. Only built-in modules
are used: whatever broke, it was not these.
"""

import _socket
import _thread
import posix
import time

from fastext.extensions_api import ExtensionsApi, member

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0

# Of a request, which is not looked at.
REQUEST_BYTES = 32 * 1024


def stay(
    api: ExtensionsApi, sockets: "list[_socket.socket]", why: str, log_format: str = ""
) -> int:
    """Answer events until SHUTDOWN, and requests with a 500 that says `why`; the exit status.

    `log_format` is what Lambda says of it.
    """
    say(f"fastext cannot run, and answers every request with 500: {why!a:.1000}", log_format)
    for sock in sockets:
        try:
            _thread.start_new_thread(refuse, (sock, why))
        except Exception:  # the sandbox has no room for another thread
            leave(sock)
    pause_s = FIRST_RETRY_S
    while True:
        try:
            event = api.next()
        except Exception:  # of the API, or for want of memory
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RETRY_S)
            continue
        pause_s = FIRST_RETRY_S
        if member(event, b"eventType") == "SHUTDOWN":
            return 0


def say(message: str, log_format: str) -> None:
    """A line of the log at FATAL, of printable text; in JSON where Lambda wants that.

    Whoever reads standard error must not hold us up, nor that there is none.
    """
    line = f"[appconfig agent] FATAL {message}"
    if log_format.upper() == "JSON":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        escaped = message.translate({34: '\\"', 92: "\\\\"})
        line = (
            f'{{"timestamp":"{stamp}","level":"FATAL","logger":"appconfig agent",'
            f'"message":"{escaped}"}}'
        )
    try:
        from select import POLLOUT, poll  # a file of its own, which may be what is broken

        room = poll()
        room.register(2, POLLOUT)
        if room.poll(0):
            posix.write(2, f"{line}\n".encode())
    except Exception:
        return


def leave(listening: _socket.socket) -> None:
    """Have the kernel refuse connections, also where others have duplicates of the socket."""
    try:
        listening.shutdown(_socket.SHUT_RDWR)
    except OSError:
        listening.close()


def refuse(listening: _socket.socket, why: str) -> None:
    """Answer each connection with 500, one at a time; each may take a second."""
    quoted = why.translate({34: "'", 92: "/"} | dict.fromkeys(range(32), " "))
    body = f'{{"Message":"fastext cannot run: {quoted}"}}'.encode()
    head = (
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    reply, request = head + body, bytearray(REQUEST_BYTES)
    listening.setblocking(True)
    while True:
        try:
            descriptor, _ = listening._accept()  # type: ignore[attr-defined]
            connection = _socket.socket(fileno=descriptor)
            connection.settimeout(1.0)
            connection.recv_into(request)
            connection.send(reply)
            connection.close()
        except Exception:
            # One caller that went away is no reason to leave the others unanswered, and a
            # socket that can no longer accept, or memory that is short, is none to spin.
            time.sleep(FIRST_RETRY_S)
