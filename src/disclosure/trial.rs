//! Solvers that fail, for tests: nothing may count as protected because of one.

use std::time::Duration;

use super::solver::{Failure, Line, Microlp, Program, Solved, Solver, Trouble};
use super::{Certificate, model_of, verify};
use super::{Choice, Form, Functional, Limits, Model, Row, Standing, World, audit, choose};

/// What a solver does instead of solving.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It takes too long.
    Timeout,
    /// It gives up.
    Internal,
    /// It gives what is no number.
    NotFinite,
    /// It gives numbers that keep to no line.
    Wrong,
    /// It gives numbers that are near enough to look right.
    Off,
    /// It gives too few numbers.
    Short,
    /// It says that nothing can be had, whatever is asked.
    Infeasible,
    /// It says that the cost falls for ever.
    Unbounded,
    /// It says that its first answer is right whatever is added.
    Stuck,
}

const FAULTS: [Fault; 9] = [
    Fault::Timeout,
    Fault::Internal,
    Fault::NotFinite,
    Fault::Wrong,
    Fault::Off,
    Fault::Short,
    Fault::Infeasible,
    Fault::Unbounded,
    Fault::Stuck,
];

/// Solves rightly for a while, and then fails.
struct Faulty {
    fault: Fault,
    right: std::rc::Rc<std::cell::Cell<usize>>,
}

struct FaultySolved {
    solved: Box<dyn Solved>,
    fault: Option<Fault>,
    solver: std::rc::Rc<std::cell::Cell<usize>>,
    would: Fault,
}

impl Faulty {
    fn after(fault: Fault, right: usize) -> Self {
        let right = std::rc::Rc::new(std::cell::Cell::new(right));
        Self { fault, right }
    }
}

/// Returns the fault if it is time for it.
fn due(right: &std::cell::Cell<usize>, fault: Fault) -> Option<Fault> {
    match right.get().checked_sub(1) {
        Some(left) => {
            right.set(left);
            None
        }
        None => Some(fault),
    }
}

fn refusal(fault: Option<Fault>) -> Result<(), Failure> {
    match fault {
        Some(Fault::Timeout) => Err(Trouble::Timeout.into()),
        Some(Fault::Internal) => Err(Trouble::Internal("it broke".to_owned()).into()),
        Some(Fault::Infeasible) => Err(Failure::Infeasible),
        Some(Fault::Unbounded) => Err(Failure::Unbounded),
        _ => Ok(()),
    }
}

impl Solver for Faulty {
    fn solve(&self, program: &Program, limit: Duration) -> Result<Box<dyn Solved>, Failure> {
        let fault = due(&self.right, self.fault);
        refusal(fault)?;
        Ok(Box::new(FaultySolved {
            solved: Microlp.solve(program, limit)?,
            fault,
            solver: self.right.clone(),
            would: self.fault,
        }))
    }
}

impl Solved for FaultySolved {
    fn values(&self) -> Vec<f64> {
        let values = self.solved.values();
        let changed = |by: f64| {
            let with_column = values.iter().zip(0u32..);
            with_column
                .map(|(value, at)| value + by * f64::from(at))
                .collect()
        };
        match self.fault {
            Some(Fault::NotFinite) => changed(f64::NAN),
            Some(Fault::Wrong) => changed(7.0),
            Some(Fault::Off) => changed(0.4),
            Some(Fault::Short) => Vec::new(),
            _ => values,
        }
    }

    fn is_best(&self) -> bool {
        self.solved.is_best()
    }

    fn and(&self, line: &Line) -> Result<Box<dyn Solved>, Failure> {
        let fault = due(&self.solver, self.would);
        refusal(fault)?;
        let line = match fault {
            Some(Fault::Stuck) => &Line::default(),
            _ => line,
        };
        Ok(Box::new(Self {
            solved: self.solved.and(line)?,
            fault,
            solver: self.solver.clone(),
            would: self.would,
        }))
    }
}

/// A table of 3x3 counts with all margins: two are small, and an insider knows one of them.
fn problem() -> (World, Vec<Choice>) {
    let truth = vec![1, 15, 25, 20, 3, 12, 30, 40, 50];
    let mut forms: Vec<Form> = (0..9).map(Form::atom).collect();
    for at in 0..3 {
        forms.push(Form::sum([3 * at, 3 * at + 1, 3 * at + 2]));
        forms.push(Form::sum([at, at + 3, at + 6]));
    }
    forms.push(Form::sum(0..9));
    let small = [0, 4].map(|atom| Functional {
        form: Form::atom(atom),
        at_most: 0,
        at_least: 10,
    });
    let choice = |form: &Form| Choice {
        forms: vec![Some(form.clone())],
        cost: 1.0,
        must_hide: small.iter().any(|functional| functional.form == *form),
        hidden_as: None,
    };
    let choices = forms.iter().map(choice).collect();
    let world = World {
        model: Model {
            atoms: 9,
            rows: Vec::new(),
        },
        truth,
        functionals: small.to_vec(),
        insiders: vec![vec![0]],
        ..World::default()
    };
    (world, choices)
}

#[test]
fn no_fault_makes_anything_look_protected_when_cells_are_chosen() {
    let (world, choices) = problem();
    for fault in FAULTS {
        for right in 0..12 {
            let solver = Faulty::after(fault, right);
            let limits = Limits::default();
            let chosen = choose(
                &[&world],
                &choices,
                &[1; 32],
                &limits,
                &solver,
                &mut |_, _| {},
            );
            let chosen = chosen.expect("the problem fits together");
            let model = model_of(&world, 0, &choices, &chosen.hidden);
            assert!(chosen.relaxed.is_empty(), "{fault:?} after {right}");
            for (at, functional) in world.functionals.iter().enumerate() {
                let is_reported = chosen
                    .unproven
                    .iter()
                    .any(|unproven| unproven.functional == at);
                let is_proven =
                    |certificate: Certificate| verify(&model, functional, &certificate).is_ok();
                let is_proven = chosen.proofs[0]
                    .witnesses()
                    .certificate(at)
                    .is_some_and(is_proven);
                assert!(is_proven || is_reported, "{fault:?} after {right}: {at}");
            }
            // One that is stuck is asked again for whole numbers, and answers rightly.
            if right == 0 && fault != Fault::Stuck {
                assert!(!chosen.unproven.is_empty(), "{fault:?}");
            }
        }
    }
}

#[test]
fn no_fault_makes_anything_look_protected_when_it_is_audited() {
    let (world, choices) = problem();
    let mut hidden: Vec<bool> = choices.iter().map(|choice| choice.must_hide).collect();
    hidden[..9].fill(true);
    let model = model_of(&world, 0, &choices, &hidden);
    let run = |solver: &dyn Solver| {
        let (truth, functionals) = (&world.truth, &world.functionals);
        let limits = Limits::default();
        audit(&model, truth, functionals, &world.insiders, &limits, solver).expect("it fits")
    };
    assert!(run(&Microlp).is_clean());
    for fault in FAULTS {
        for right in 0..6 {
            let audited = run(&Faulty::after(fault, right));
            for (at, standing) in audited.standings.iter().enumerate() {
                let certificate = audited.witnesses.certificate(at);
                let is_proven = certificate.is_some_and(|certificate| {
                    verify(&model, &world.functionals[at], &certificate).is_ok()
                });
                assert_eq!(
                    *standing == Standing::Proven,
                    is_proven,
                    "{fault:?} after {right}"
                );
            }
            assert!(
                right > 0 || fault == Fault::Stuck || !audited.is_clean(),
                "{fault:?}"
            );
        }
    }
}

#[test]
fn no_fault_makes_bounds_wider() {
    let model = Model {
        atoms: 2,
        rows: vec![
            Row::exactly(Form::sum([0, 1]), 9),
            Row::between(Form::atom(0), None, Some(5)),
        ],
    };
    let forms = [Form::atom(0), Form::atom(1)];
    let bounds = |solver: &dyn Solver| super::bounds(&model, &forms, &Limits::default(), solver);
    assert_eq!(bounds(&Microlp), Ok(vec![(0, Some(5)), (4, Some(9))]));
    for fault in [
        Fault::Timeout,
        Fault::Internal,
        Fault::NotFinite,
        Fault::Short,
    ] {
        assert!(bounds(&Faulty::after(fault, 0)).is_err(), "{fault:?}");
        assert!(bounds(&Faulty::after(fault, 2)).is_err(), "{fault:?}");
    }
}

#[test]
fn no_more_is_solved_than_is_allowed() {
    let (world, choices) = problem();
    let limits = Limits {
        solves: 3,
        ..Limits::default()
    };
    let chosen = choose(
        &[&world],
        &choices,
        &[1; 32],
        &limits,
        &Microlp,
        &mut |_, _| {},
    );
    let unproven = chosen.expect("it fits").unproven;
    assert!(
        unproven
            .iter()
            .any(|unproven| unproven.why == Trouble::Exhausted)
    );
}
