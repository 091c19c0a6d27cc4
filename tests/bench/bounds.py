import highspy, json, sys, time

# Bounds of forms by HiGHS: one model, solved again for each form and direction.
problem = json.load(sys.stdin)
solver = highspy.Highs()
solver.setOptionValue("output_flag", False)
infinity = highspy.kHighsInf
for _ in range(problem["atoms"]):
    solver.addVar(0.0, infinity)
for lower, upper, atoms, times in problem["rows"]:
    lower = -infinity if lower is None else lower
    upper = infinity if upper is None else upper
    solver.addRow(lower, upper, len(atoms), atoms, times)
begun = time.perf_counter()
bounds = []
for atoms, times in problem["forms"]:
    for atom, cost in zip(atoms, times):
        solver.changeColCost(atom, cost)
    for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
        solver.changeObjectiveSense(sense)
        solver.run()
        bounds.append(solver.getInfo().objective_function_value)
    for atom in atoms:
        solver.changeColCost(atom, 0.0)
print(json.dumps({"seconds": time.perf_counter() - begun, "bounds": bounds}))
