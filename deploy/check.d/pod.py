"""pod.py BASE MEMBER IMAGE: the pod of deploy/kubernetes/base for one member, as podman plays it.

Podman knows no StatefulSet and no fsGroup; the pod inside is taken as it is, with the member's claim
and the passphrase as a file of the machine, which a cluster would take from a secret.
"""

import json
import sys

import yaml

base, member, image = sys.argv[1:]
documents = list(yaml.safe_load_all(open(base, encoding="utf-8")))
(stateful,) = [d for d in documents if d["kind"] == "StatefulSet"]
(claim,) = [d for d in documents if d["kind"] == "PersistentVolumeClaim"]

spec = stateful["spec"]["template"]["spec"]
(node,) = spec["containers"]
node["image"] = image
node["env"].append({"name": "COUNTERFOIL_SYNC_INTERVAL", "value": "10s"})
(data,) = [v for v in spec["volumes"] if v["name"] == "data"]
data["persistentVolumeClaim"]["claimName"] = claim["metadata"]["name"] = member
claim["metadata"].pop("namespace", None)
if member != "relay":
    file = f"{sys.argv[1].rsplit('/', 1)[0]}/{member}.passphrase"
    spec["volumes"].append({"name": "passphrase", "hostPath": {"path": file, "type": "File"}})
    node["volumeMounts"].append({"name": "passphrase", "mountPath": "/run/secrets/passphrase"})
    node["env"].append({"name": "COUNTERFOIL_PASSPHRASE_FILE", "value": "/run/secrets/passphrase"})
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": member, "labels": {"app": member}}, "spec": spec}
for document in (claim, pod):
    print("---")
    print(json.dumps(document, indent=1))
