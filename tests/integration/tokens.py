"""Supabase-style tokens, and a local server for the keys that verify them. No test in here."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.printed import plant

JWT_SECRET = plant("a JWT secret", "a-secret-of-supabase-that-is-long-enough-for-hs256")

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def token(claims: dict[str, Any], *, key: Any = JWT_SECRET, algorithm: str = "HS256") -> str:
    encoded = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": algorithm})
    return plant("a signed token", encoded)


def unsigned_token(claims: dict[str, Any]) -> str:
    """`alg: none`, as the oldest attack has it."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


def key_set(keys: dict[str, PrivateKey]) -> bytes:
    """The public halves, as a JWKS; each key's id is its algorithm."""
    published = []
    for algorithm, key in keys.items():
        kind: Any = jwt.algorithms.RSAAlgorithm
        if isinstance(key, ec.EllipticCurvePrivateKey):
            kind = jwt.algorithms.ECAlgorithm
        public = json.loads(kind.to_jwk(key.public_key()))
        published.append({**public, "kid": algorithm, "alg": algorithm, "use": "sig"})
    return json.dumps({"keys": published}).encode()


@contextmanager
def key_server(content: bytes) -> Iterator[str]:
    """The address at which the key set is served, on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        finally:
            server.shutdown()
            thread.join()
