"""Calls a node from another language, with a certificate from `access grant`.

Arguments: address, PEM file, folder for generated stubs, proto folder, kind, then measures.

Prints one line of JSON: for each measure its rows as {group, value, lower, upper, uncounted}, and
why calling Federation was refused. Then waits for a line on standard input, asks once more on the
same channel and on a new one, and prints a second line: the code and words of each answer.
"""
import json
import re
import sys
from pathlib import Path

import grpc
from grpc_tools import protoc

address, pem_path, stubs, protos, kind, *measures = sys.argv[1:]
files = ["reports", "federation"]
code = protoc.main(
    ["protoc", f"-I{protos}", f"--python_out={stubs}", f"--grpc_python_out={stubs}"]
    + [f"counterfoil/v1/{name}.proto" for name in files]
)
if code != 0:
    sys.exit("the stubs could not be generated")
sys.path.insert(0, stubs)
from counterfoil.v1 import federation_pb2, federation_pb2_grpc  # noqa: E402
from counterfoil.v1 import reports_pb2, reports_pb2_grpc  # noqa: E402


def connect():
    """Opens a channel as any gRPC client would: certificate, key, and the CA to trust."""
    pem = Path(pem_path).read_text()
    part = r"-----BEGIN {0}-----.+?-----END {0}-----\n?"
    certificates = re.findall(part.format("CERTIFICATE"), pem, re.S)
    key = re.search(part.format("PRIVATE KEY"), pem, re.S).group(0)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=certificates[-1].encode(),
        private_key=key.encode(),
        certificate_chain=certificates[0].encode(),
    )
    return grpc.secure_channel(address, credentials)


def ask(channel, measure):
    """Asks for one measure by year, and returns the rows."""
    query = reports_pb2.QueryRequest(
        kind=kind, measure=measure, by=["period"], grain="year", allow_partial=True
    )
    answer = reports_pb2_grpc.ReportsStub(channel).Query(query, timeout=20)
    return [
        {
            "group": dict(row.group),
            "value": row.value if row.HasField("value") else None,
            "lower": row.lower,
            "upper": row.upper if row.HasField("upper") else None,
            "uncounted": row.uncounted,
        }
        for row in answer.rows
    ]


def outcome(call):
    """Returns how a call ended, in a word and the server's own words."""
    try:
        call()
        return "OK"
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"


def sync(channel):
    """Calls what only nodes may call."""
    frames = iter([federation_pb2.SyncRequest()])
    list(federation_pb2_grpc.FederationStub(channel).Sync(frames, timeout=20))


with connect() as channel:
    rows = {measure: ask(channel, measure) for measure in measures}
    print(json.dumps({"rows": rows, "federation": outcome(lambda: sync(channel))}), flush=True)
    sys.stdin.readline()
    again = outcome(lambda: ask(channel, measures[0]))
    with connect() as fresh:
        anew = outcome(lambda: ask(fresh, measures[0]))
    print(json.dumps({"open": again, "new": anew}), flush=True)
