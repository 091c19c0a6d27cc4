"""chart.py CHART OUT: lints a Helm chart and renders it with its defaults and with everything on."""

import pathlib
import sys

import helm_python as helm

chart, out = sys.argv[1], pathlib.Path(sys.argv[2])
everything = {
    "advertise": "https://node.example.org:7443",
    "passphraseSecret": "book",
    "metrics": "0.0.0.0:9443",
    "metricsTokenSecret": "token",
    "settings": {"LOG_LEVEL": "warn"},
    "data": {"storageClass": "fast", "accessMode": "ReadWriteOncePod"},
    "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
}

found = helm.lint(chart)
serious = [m for m in found["messages"] if m["severity"] >= 2]
if found["errors"] or serious:
    sys.exit(f"helm lint: {found['errors']} {serious}")

with helm.Chart.load(chart) as loaded:
    for name, values in {"defaults": {}, "everything": everything}.items():
        rendered = loaded.render(values, name="book", namespace="counterfoil")
        texts = [text for file, text in sorted(rendered.items()) if file.endswith(".yaml")]
        (out / f"helm-{name}.yaml").write_text("\n---\n".join(t for t in texts if t.strip()))
    for wrong in ({"replicas": 2}, {"metrics": "yes"}, {"advertise": "http://node"}):
        try:
            loaded.validate_schema(wrong)
        except helm.HelmError:
            continue
        sys.exit(f"helm: {wrong} was taken")
print(f"helm {helm.helm_sdk_version()}: lints and renders")
