#!/usr/bin/env python3
"""A token server for docker-registry: Basic credentials in, RS256 tokens out (the `openssl` command signs).

GET and POST /token as the distribution token specification has them. Users alice and bob have the password "secret" and get what
they ask for; without credentials only `pull` in repositories under public/ is granted. The refresh token "refresh-alice" stands for
alice. One line per request goes to standard output.
"""
import argparse
import base64
import json
import os
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USERS = {"alice": "secret", "bob": "secret"}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def certificate_der(path):
    lines = open(path).read().split("-----")[2]
    return "".join(lines.split())


def token(options, user, service, access):
    now = int(time.time())
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate_der(options.cert)]}
    claims = {"iss": options.issuer, "sub": user or "", "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
              "jti": os.urandom(8).hex(), "access": access}
    signed = base64url(json.dumps(header).encode()) + b"." + base64url(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", options.key], input=signed, stdout=subprocess.PIPE,
                               check=True).stdout
    return (signed + b"." + base64url(signature)).decode()


def granted(scopes, user):
    access = []
    for scope in " ".join(scopes).split():
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = actions.split(",") if user else ["pull"] if name.startswith("public/") else []
        allowed = [action for action in allowed if action in actions.split(",")]
        if (kind == "repository" or (kind, name) == ("registry", "catalog")) and allowed:
            access.append({"type": kind, "name": name, "actions": allowed})
    return access


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        print(self.command, self.path, status, flush=True)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def basic_user(self):
        """The user, None without credentials, False with wrong ones."""
        value = self.headers.get("Authorization", "")
        if not value.startswith("Basic "):
            return None
        user, _, password = base64.b64decode(value[6:]).decode().partition(":")
        return user if USERS.get(user) == password else False

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        self.give(self.basic_user(), query)

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        grant = form.get("grant_type", [""])[0]
        if grant == "refresh_token":
            user = "alice" if form.get("refresh_token") == ["refresh-alice"] else False
        else:
            name = form.get("username", [""])[0]
            user = name if form.get("password") == [USERS.get(name)] else False
        self.give(user, form)

    def give(self, user, asked):
        if user is False:
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user name or password"}]})
            return
        text = token(self.server.options, user, asked.get("service", [""])[0], granted(asked.get("scope", []), user))
        self.answer(200, {"token": text, "access_token": text, "expires_in": 300})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--key", required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--addr-file", required=True)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.options = options
    with open(options.addr_file + ".new", "w") as out:
        out.write("127.0.0.1:%d" % server.server_address[1])
    os.rename(options.addr_file + ".new", options.addr_file)
    server.serve_forever()


main()
