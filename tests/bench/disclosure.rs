//! A table of 20x20x10 counts: what to hide, and the proof. What a reader can conclude of smaller
//! ones, beside `HiGHS`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use counterfoil::disclosure::{
    Choice, Form, Functional, Limits, Microlp, Model, Row, World, bounds, choose, model_of, verify,
};
use serde_json::{Value, json};

use crate::measure::{Took, say, say_ratio};
use crate::random::Random;

/// Measures tables as large as a node's, and far larger.
pub(crate) fn run() {
    for sides in [[4, 6, 5], [5, 5, 20], [20, 20, 10]] {
        let (model, hidden) = table(sides);
        if hidden.len() < 1000 {
            beside_highs(sides, &model, &hidden);
        }
    }
}

const FLOOR: i64 = 5;

/// Returns what a reader knows of a table that was protected, and the cells hidden in it.
fn table(sides: [usize; 3]) -> (Model, Vec<Form>) {
    let (world, choices) = problem(sides);
    let limits = Limits {
        per_solve: Duration::from_secs(10),
        solves: 100_000,
    };
    let begun = Instant::now();
    let mut said = 0;
    let mut progress = |done: usize, all: usize| {
        let tenth = done * 10 / all.max(1);
        if tenth > said {
            said = tenth;
            say(
                &format!("  {done} of {all}"),
                format!("{:.1} s", begun.elapsed().as_secs_f64()),
            );
        }
    };
    let worlds = [world];
    let (took, chosen) = Took::of(|| {
        choose(
            &worlds.each_ref(),
            &choices,
            &[7; 32],
            &limits,
            &Microlp,
            &mut progress,
        )
    });
    let chosen = chosen.expect("the table fits together");
    let [i, j, k] = sides;
    let name = format!("{i}x{j}x{k}: suppression and audit");
    say(
        &name,
        format!("{:.2} s, {:.2} s of processor time", took.wall, took.cpu),
    );
    let hidden = chosen.hidden.iter().filter(|hidden| **hidden).count();
    let primaries = worlds[0].functionals.len();
    let cells = choices.len();
    say(
        "cells, sensitive, hidden",
        format!("{cells}, {primaries}, {hidden}"),
    );
    let unproven = chosen.unproven.len();
    let tables = chosen.proofs[0].witnesses().tables();
    say("unproven, witness tables", format!("{unproven}, {tables}"));
    let model = model_of(&worlds[0], 0, &choices, &chosen.hidden);
    let (took, refused) = Took::of(|| {
        let functionals = worlds[0].functionals.iter().enumerate();
        let is_refused = |(at, functional): &(usize, &Functional)| {
            let certificate = chosen.proofs[0].witnesses().certificate(*at);
            certificate.is_none_or(|certificate| verify(&model, functional, &certificate).is_err())
        };
        functionals.filter(is_refused).count()
    });
    say(
        "refused by the verifier",
        format!("{refused}, {:.2} s", took.wall),
    );
    let cells = choices.into_iter().zip(&chosen.hidden);
    let hidden = cells.filter(|(_, hidden)| **hidden);
    let form = |(choice, _): (Choice, &bool)| choice.forms.into_iter().next().flatten();
    (model, hidden.filter_map(form).collect())
}

/// Measures what a reader can conclude of each hidden cell, and lets `HiGHS` say the same.
fn beside_highs(sides: [usize; 3], model: &Model, forms: &[Form]) {
    let limits = Limits::default();
    let (ours, found) = Took::of(|| bounds(model, forms, &limits, &Microlp));
    let found = found.expect("it can be solved");
    let [i, j, k] = sides;
    let name = format!("{i}x{j}x{k}: bounds of {} cells", forms.len());
    say(&name, format!("{:.3} s", ours.wall));
    let Some((seconds, theirs)) = highs(model, forms) else {
        say("the same by HiGHS", "no Python with highspy");
        return;
    };
    say("the same by HiGHS", format!("{seconds:.3} s"));
    say_ratio("HiGHS against ours", seconds / ours.wall, "no target");
    let outward = |pair: &[f64]| {
        let near = |value: f64| (value * 1e6).round() / 1e6;
        let upper = near(pair[1]).ceil() as i64;
        (near(pair[0]).floor() as i64, Some(upper))
    };
    let pairs = theirs.chunks(2).zip(&found);
    let differ = pairs.filter(|(pair, ours)| outward(pair) != **ours);
    say("bounds that differ", differ.count());
}

/// Returns how long `HiGHS` takes, and all bounds, lower and upper in turn.
fn highs(model: &Model, forms: &[Form]) -> Option<(f64, Vec<f64>)> {
    let terms = |form: &Form| -> (Vec<usize>, Vec<i64>) { form.terms().unzip() };
    let row = |row: &Row| {
        let (atoms, times) = terms(&row.form);
        json!([row.lower, row.upper, atoms, times])
    };
    let problem = json!({
        "atoms": model.atoms,
        "rows": model.rows.iter().map(row).collect::<Vec<Value>>(),
        "forms": forms.iter().map(terms).collect::<Vec<_>>(),
    });
    let named = std::env::var_os("COUNTERFOIL_PYTHON");
    let mut child = Command::new(named.unwrap_or_else(|| "python3".into()))
        .args(["-c", include_str!("bounds.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // One that stops at once does not read.
    let written = child
        .stdin
        .take()?
        .write_all(problem.to_string().as_bytes());
    let output = child.wait_with_output().ok()?;
    written.ok()?;
    // What it says of itself comes first.
    let answer = output
        .stdout
        .trim_ascii()
        .split(|byte| *byte == b'\n')
        .next_back()?;
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let bounds = answer["bounds"].as_array()?.iter().map(Value::as_f64);
    Some((answer["seconds"].as_f64()?, bounds.collect::<Option<_>>()?))
}

/// Returns counts of three codes each with all their margins, all of them to be shown but for the
/// small.
fn problem([i, j, k]: [usize; 3]) -> (World, Vec<Choice>) {
    let mut random = Random(20_261_123);
    let truth: Vec<i64> = (0..i * j * k).map(|_| random.count(4.5)).collect();
    let mut forms = Vec::new();
    for a in 0..=i {
        for b in 0..=j {
            for c in 0..=k {
                let all = |at: usize, side: usize| if at == side { 0..side } else { at..at + 1 };
                let atoms = all(a, i).flat_map(|a| {
                    all(b, j).flat_map(move |b| all(c, k).map(move |c| (a * j + b) * k + c))
                });
                forms.push(Form::sum(atoms));
            }
        }
    }
    let value = |form: &Form| form.value(&truth).expect("it fits");
    let is_small = |form: &&Form| (1..FLOOR).contains(&value(form));
    let functional = |form: &Form| Functional {
        form: form.clone(),
        at_most: 0,
        at_least: FLOOR,
    };
    let functionals = forms.iter().filter(is_small).map(functional).collect();
    let choice = |form: &Form| Choice {
        forms: vec![Some(form.clone())],
        cost: 1.0 + (1.0 + value(form) as f64).ln(),
        must_hide: is_small(&form),
        hidden_as: None,
    };
    let choices = forms.iter().map(choice).collect();
    let world = World {
        model: Model {
            atoms: truth.len(),
            rows: Vec::new(),
        },
        truth: truth.clone(),
        functionals,
        ..World::default()
    };
    (world, choices)
}
