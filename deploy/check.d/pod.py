"""pod.py BASE MEMBER IMAGE: the pod of deploy/kubernetes/base for one member, as podman plays it.

Podman knows no StatefulSet and no fsGroup; the pod inside is taken as it is, with the member's volume
and the passphrase as a file of the machine, which a cluster would take from a secret.
"""

import json
import sys

import yaml

base, member, image = sys.argv[1:]
documents = list(yaml.safe_load_all(open(base, encoding="utf-8")))
(stateful,) = [d for d in documents if d["kind"] == "StatefulSet"]

spec = stateful["spec"]["template"]["spec"]
(node,) = spec["containers"]
node["image"] = image
# Podman would take each for a port of the machine.
node.pop("ports")
node["env"].append({"name": "COUNTERFOIL_SYNC_INTERVAL", "value": "10s"})
(data,) = [v for v in spec["volumes"] if v["name"] == "data"]
data["persistentVolumeClaim"]["claimName"] = member
# Podman 4 gives pods whose emptyDir has the same name the same folder.
for place in spec["volumes"] + node["volumeMounts"]:
    if place["name"] == "tmp":
        place["name"] = f"{member}-tmp"
if member != "relay":
    file = f"{sys.argv[1].rsplit('/', 1)[0]}/{member}.passphrase"
    spec["volumes"].append({"name": "passphrase", "hostPath": {"path": file, "type": "File"}})
    node["volumeMounts"].append({"name": "passphrase", "mountPath": "/run/secrets/passphrase"})
    node["env"].append({"name": "COUNTERFOIL_PASSPHRASE_FILE", "value": "/run/secrets/passphrase"})
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": member, "labels": {"app": member}}, "spec": spec}
print(json.dumps(pod, indent=1))
