"""Checks a running server with Triton's unmodified Python clients.

    python run_checks.py --http localhost:8000 --grpc localhost:8001 --metrics localhost:8002 [--only EXPRESSION]

The server must be in explicit mode over a copy of `model-repository/` with every model loaded. Prints a line per check
and 'N passed, N failed'; exits with 1 when one failed.
"""

import argparse
import sys

import asyncio_checks  # noqa: F401
import control_checks  # noqa: F401
import deadline_checks  # noqa: F401
import error_checks  # noqa: F401
import grpc_checks  # noqa: F401
import http_checks  # noqa: F401
import stream_checks  # noqa: F401
import unary_checks  # noqa: F401
from checks import run_all
from server import Server

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--http", required=True, help="host:port of the HTTP endpoint")
    arguments.add_argument("--grpc", required=True, help="host:port of the gRPC endpoint")
    arguments.add_argument("--metrics", required=True, help="host:port of the metrics endpoint")
    arguments.add_argument("--only", default="", help="run the checks in whose name this regular expression is found")
    given = arguments.parse_args()
    sys.exit(1 if run_all(Server(given.http, given.grpc, given.metrics), given.only) else 0)
