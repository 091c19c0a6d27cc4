"""Calls Reports.Query on a node from another language, with a certificate from `access grant`.

Arguments: address, PEM file, folder for generated stubs, proto folder, kind, measure.
Prints one JSON object: rows as [group, value, lower, upper, uncounted], and whether calling
Federation was refused.
"""
import json
import re
import sys
from pathlib import Path

import grpc
from grpc_tools import protoc

address, pem_path, stubs, protos, kind, measure = sys.argv[1:7]
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

pem = Path(pem_path).read_text()
certificates = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", pem, re.S)
key = re.search(r"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n?", pem, re.S).group(0)
credentials = grpc.ssl_channel_credentials(
    root_certificates=certificates[-1].encode(),
    private_key=key.encode(),
    certificate_chain=certificates[0].encode(),
)
with grpc.secure_channel(address, credentials) as channel:
    query = reports_pb2.QueryRequest(kind=kind, measure=measure, by=["period"], grain="year", allow_partial=True)
    answer = reports_pb2_grpc.ReportsStub(channel).Query(query, timeout=20)
    rows = [
        [
            dict(row.group),
            row.value if row.HasField("value") else None,
            row.lower,
            row.upper if row.HasField("upper") else None,
            row.uncounted,
        ]
        for row in answer.rows
    ]
    try:
        frames = iter([federation_pb2.SyncRequest()])
        list(federation_pb2_grpc.FederationStub(channel).Sync(frames, timeout=20))
        refused = ""
    except grpc.RpcError as error:
        refused = f"{error.code().name}: {error.details()}"
print(json.dumps({"rows": rows, "refused": refused}))
