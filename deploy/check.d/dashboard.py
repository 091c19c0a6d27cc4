"""dashboard.py FILE: prints a dashboard's queries as recording rules, for promtool to check."""

import json
import sys

dashboard = json.load(open(sys.argv[1], encoding="utf-8"))
queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
rules = [
    {"record": f"dashboard:query{number}", "expr": query.replace("$instance", ".*")}
    for number, query in enumerate(queries)
]
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
