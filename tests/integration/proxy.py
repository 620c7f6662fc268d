#!/usr/bin/env python3
"""An HTTP proxy on loopback: CONNECT tunnels, and plain requests with the whole URL in their first line.

    proxy.py --addr-file F [--name registry.test] [--user NAME:PASSWORD] [--forbid]

Every port of the host --name is the same port of 127.0.0.1, so that a client reaches registry.test without any name server - and only
through the proxy. Other hosts are answered with 502. With --user, Basic credentials are demanded (407). --forbid answers 403 to all.
One line per request goes to standard output: method, target, status, and the names of the credential headers that the proxy saw.
"""
import argparse
import base64
import hmac
import http.client
import os
import select
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def relay(one, other):
    """Bytes in both directions, until either side has ended."""
    peer = {one: other, other: one}
    while True:
        for ready in select.select([one, other], [], [], 60)[0]:
            data = ready.recv(65536)
            if not data:
                return
            peer[ready].sendall(data)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status):
        seen = [name for name in ("authorization", "proxy-authorization") if self.headers.get(name) is not None]
        print(" ".join([self.command, self.path, str(status)] + seen), flush=True)

    def refuse(self, status, headers=()):
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def admitted(self):
        options = self.server.options
        if options.forbid:
            self.refuse(403)
            return False
        if options.user is None:
            return True
        wanted = "Basic " + base64.b64encode(options.user.encode()).decode()
        if hmac.compare_digest(self.headers.get("Proxy-Authorization", ""), wanted):
            return True
        self.refuse(407, [("Proxy-Authenticate", 'Basic realm="proxy"')])
        return False

    def address(self, host, port):
        return ("127.0.0.1", port) if host == self.server.options.name else None

    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        address = self.address(host, int(port))
        if not self.admitted():
            return
        if address is None:
            self.refuse(502)
            return
        with socket.create_connection(address, 20) as upstream:
            self.note(200)
            self.send_response(200, "Connection established")
            self.end_headers()
            self.wfile.flush()
            relay(self.connection, upstream)
        self.close_connection = True

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        address = self.address(url.hostname, url.port or 80)
        if not self.admitted():
            return
        if address is None:
            self.refuse(502)
            return
        upstream = http.client.HTTPConnection(*address, timeout=20)
        hop = ("connection", "proxy-connection", "proxy-authorization", "expect")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
        upstream.request(self.command, url.path + ("?" + url.query if url.query else ""), body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        self.note(answer.status)
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
        pass  # a client that went away


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--addr-file", required=True)
    parser.add_argument("--name", default="registry.test")
    parser.add_argument("--user")
    parser.add_argument("--forbid", action="store_true")
    server = Server(("127.0.0.1", 0), Handler)
    server.options = parser.parse_args()
    with open(server.options.addr_file + ".new", "w") as out:
        out.write("127.0.0.1:%d" % server.server_address[1])
    os.rename(server.options.addr_file + ".new", server.options.addr_file)
    server.serve_forever()


main()
