use super::*;
use crate::disclosure::{Functional, Microlp, bounds, verify};

/// A table of hidden and shown cells with its row and column totals, as choices.
fn table(rows: usize, columns: usize) -> Vec<Form> {
    let cell = |row: usize, column: usize| row * columns + column;
    let mut forms: Vec<Form> = (0..rows * columns).map(Form::atom).collect();
    forms.extend((0..rows).map(|row| Form::sum((0..columns).map(|column| cell(row, column)))));
    forms.extend((0..columns).map(|column| Form::sum((0..rows).map(|row| cell(row, column)))));
    forms.push(Form::sum(0..rows * columns));
    forms
}

fn world(truth: &[i64], forms: &[Form], floor: i64) -> (World, Vec<Choice>) {
    let value = |form: &Form| form.value(truth).expect("it fits");
    let is_small = |form: &&Form| (1..floor).contains(&value(form));
    let functionals = forms.iter().filter(is_small).map(|form| Functional {
        form: form.clone(),
        at_most: 0,
        at_least: floor,
    });
    let world = World {
        model: Model {
            atoms: truth.len(),
            rows: Vec::new(),
        },
        truth: truth.to_vec(),
        functionals: functionals.collect(),
        ..World::default()
    };
    let choices = forms.iter().map(|form| Choice {
        forms: vec![Some(form.clone())],
        cost: 1.0 + (1.0 + value(form) as f64).ln(),
        must_hide: is_small(&form),
        hidden_as: None,
    });
    (world, choices.collect())
}

fn chosen(worlds: &[World], choices: &[Choice]) -> Chosen {
    let limits = Limits::default();
    let worlds: Vec<&World> = worlds.iter().collect();
    choose(
        &worlds,
        choices,
        &[7; 32],
        &limits,
        &Microlp,
        &mut |_, _| {},
    )
    .expect("it fits")
}

#[track_caller]
fn check(worlds: &[World], choices: &[Choice]) -> Chosen {
    let chosen = chosen(worlds, choices);
    assert_eq!(chosen.unproven, []);
    for (at, world) in worlds.iter().enumerate() {
        let model = model_of(world, at, choices, &chosen.hidden);
        for (functional, held) in world.functionals.iter().enumerate() {
            let certificate = chosen.proofs[at].witnesses().certificate(functional);
            let certificate = certificate.expect("everything is proven");
            if chosen.relaxed.is_empty() {
                assert_eq!(verify(&model, held, &certificate), Ok(()));
            }
        }
    }
    chosen
}

#[test]
fn what_proves_one_world_proves_another_like_it() {
    let (one, mut choices) = world(&[1, 15, 25, 20, 30, 12], &table(2, 3), 10);
    let mut other = one.clone();
    other.truth[5] += 1;
    for choice in &mut choices {
        choice.forms.push(choice.forms[0].clone());
    }
    let worlds = [&one, &other];
    let search = Search::new(&Microlp, Limits::default());
    let mut plan = Plan::new(&worlds, &choices, &[7; 32], search).expect("it fits");
    plan.protect(0, &mut |_| {});
    plan.take_over(1);
    let pool = &plan.pools[1];
    assert!(pool.needs().all(|need| pool.is_proven(need)));
    let model = plan.model(1, &plan.hidden);
    assert!(plan.pools[1].confirm(&model).is_empty());
}

#[test]
fn what_is_near_is_protected_and_proven_as_the_whole_is() {
    let truth: Vec<i64> = (0..144).map(|at| at * 37 % 23).collect();
    let forms = table(12, 12);
    let (mut world, choices) = world(&truth, &forms, 5);
    world.insiders = vec![vec![11], vec![77]];
    let worlds = [&world];
    let search = Search::new(&Microlp, Limits::default());
    let mut plan = Plan::new(&worlds, &choices, &[7; 32], search).expect("it fits");
    plan.near = vec![Near::of(&world, 0, &choices)];
    plan.protect_all(&mut |_| {});
    let before = plan.hidden.clone();
    plan.show_again(&mut |_| {});
    assert!(
        plan.hidden
            .iter()
            .zip(&before)
            .all(|(now, before)| before | !now)
    );
    let chosen = plan.finish();
    assert_eq!((chosen.unproven, chosen.relaxed), (vec![], vec![]));
    let model = model_of(&world, 0, &choices, &chosen.hidden);
    for (at, functional) in world.functionals.iter().enumerate() {
        let certificate = chosen.proofs[0].witnesses().certificate(at);
        let certificate = certificate.expect("everything is proven");
        assert_eq!(verify(&model, functional, &certificate), Ok(()));
    }
}

#[test]
fn a_hidden_cell_is_not_had_by_subtraction() {
    let (world, choices) = world(&[1, 15, 25, 20, 30, 12], &table(2, 3), 10);
    let chosen = check(&[world], &choices);
    let hidden = chosen.hidden.iter().filter(|hidden| **hidden).count();
    assert_eq!(hidden, 4, "{:?}", chosen.hidden);
}

#[test]
fn what_was_given_away_is_relaxed_and_not_made_worse() {
    let (mut world, choices) = world(&[1, 15, 25, 20, 30, 12], &table(2, 3), 10);
    let known = Row::between(Form::atom(0), Some(1), Some(4));
    world.model.rows.push(known);
    let chosen = check(&[world.clone()], &choices);
    let sides: Vec<_> = chosen
        .relaxed
        .iter()
        .map(|r| (r.at_most, r.at_least))
        .collect();
    assert_eq!(sides, [(Some(1), None), (None, Some(4))]);
    let model = model_of(&world, 0, &choices, &chosen.hidden);
    let left = bounds(&model, &[Form::atom(0)], &Limits::default(), &Microlp);
    assert_eq!(left, Ok(vec![(1, Some(4))]));
}

#[test]
fn an_insider_does_not_read_their_neighbour() {
    // Two hidden cells sum to 5; the one who is alone in the first knows it.
    let (mut world, choices) = world(&[1, 4, 20, 30, 40, 50, 60, 70, 80], &table(3, 3), 10);
    world.insiders = vec![vec![0]];
    let chosen = check(&[world.clone()], &choices);
    let mut model = model_of(&world, 0, &choices, &chosen.hidden);
    model.rows.push(Row::exactly(Form::atom(0), 1));
    let left = bounds(&model, &[Form::atom(1)], &Limits::default(), &Microlp);
    let (lower, upper) = left.expect("it can be solved")[0];
    assert_eq!(lower, 0);
    assert!(upper.is_some_and(|upper| upper >= 10));
}

#[test]
fn all_worlds_are_protected_by_one_choice() {
    let forms = table(2, 3);
    let (before, mut choices) = world(&[1, 15, 25, 20, 30, 12], &forms, 10);
    let (after, others) = world(&[11, 15, 25, 20, 3, 12], &forms, 10);
    for (choice, other) in choices.iter_mut().zip(others) {
        choice.must_hide |= other.must_hide;
        choice.forms.extend(other.forms);
    }
    check(&[before, after], &choices);
}

#[test]
fn a_truth_that_contradicts_what_is_known_is_refused() {
    let (mut world, choices) = world(&[1, 15, 25, 20], &table(2, 2), 10);
    world.model.rows.push(Row::exactly(Form::atom(0), 2));
    let limits = Limits::default();
    let found = choose(
        &[&world],
        &choices,
        &[7; 32],
        &limits,
        &Microlp,
        &mut |_, _| {},
    );
    assert_eq!(found.err(), Some(Trouble::Untrue { row: 0 }));
}

/// Returns every table of four atoms that a model admits, each atom at most 12.
fn all_tables(model: &Model) -> Vec<Vec<i64>> {
    let table = |at: i64| vec![at % 13, at / 13 % 13, at / 169 % 13, at / 2197];
    let tables = (0..13 * 13 * 13 * 13).map(table);
    tables.filter(|table| model.admits(table)).collect()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Whoever tries every table there is, an insider too, finds each small cell as small and
    /// as large as it is to look.
    #[test]
    fn trying_every_table_tells_nothing(truth in proptest::collection::vec(0i64..6, 4)) {
        let (mut world, choices) = world(&truth, &table(2, 2), 3);
        let alone = (0..4).filter(|atom| truth[*atom] == 1);
        world.insiders = alone.map(|atom| vec![atom]).collect();
        let chosen = chosen(&[world.clone()], &choices);
        proptest::prop_assert!(chosen.unproven.is_empty() && chosen.relaxed.is_empty());
        let tables = all_tables(&model_of(&world, 0, &choices, &chosen.hidden));
        let readers = std::iter::once(Vec::new()).chain(world.insiders.clone());
        for known in readers {
            let is_known = |atom: usize| known.contains(&atom);
            let possible = tables
                .iter()
                .filter(|table| known.iter().all(|atom| table[*atom] == truth[*atom]));
            let possible: Vec<&Vec<i64>> = possible.collect();
            for functional in &world.functionals {
                let rest = functional.form.without(is_known);
                if rest.is_empty() {
                    continue;
                }
                let value = |form: &Form, table: &[i64]| form.value(table).expect("it fits");
                let own = value(&functional.form, &truth) - value(&rest, &truth);
                let values = possible.iter().map(|table| value(&rest, table));
                proptest::prop_assert!(values.clone().min() <= Some((functional.at_most - own).max(0)));
                proptest::prop_assert!(values.max() >= Some(functional.at_least - own));
            }
        }
    }
}
