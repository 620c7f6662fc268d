#!/usr/bin/env python3
"""A plain-HTTP proxy in front of a registry that dies at its n-th request.

    cutproxy.py --to HOST:PORT --after N --when before|after --addr-file F

The first N-1 requests pass. The N-th is cut off before it is passed on, or after the registry has carried it out and before its answer is
given back; whatever comes later is reset. The Host header is passed as it came, so that the registry's own URLs lead back here.
"""
import argparse
import http.client
import os
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        options = self.server.options
        with self.server.lock:
            self.server.count += 1
            count = self.server.count
        print(count, self.command, self.path, flush=True)
        if count > options.after or (count == options.after and options.when == "before"):
            self.reset()
            return
        upstream = http.client.HTTPConnection(options.to, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")}
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        if count == options.after:
            self.reset()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # the client side of a reset


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--after", type=int, required=True)
    parser.add_argument("--when", choices=("before", "after"), required=True)
    parser.add_argument("--addr-file", required=True)
    server = Server(("127.0.0.1", 0), Handler)
    server.options = parser.parse_args()
    server.count = 0
    server.lock = threading.Lock()
    with open(server.options.addr_file + ".new", "w") as out:
        out.write("127.0.0.1:%d" % server.server_address[1])
    os.rename(server.options.addr_file + ".new", server.options.addr_file)
    server.serve_forever()


main()
