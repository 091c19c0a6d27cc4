//! stub
use super::*;
#[derive(Clone, Debug)]
pub struct World { pub model: Model, pub truth: Vec<i64>, pub functionals: Vec<Functional>, pub insiders: Vec<Vec<usize>> }
#[derive(Clone, Debug)]
pub struct Choice { pub forms: Vec<Option<Form>>, pub cost: f64, pub must_hide: bool, pub hidden_as: Option<(i64, i64)> }
#[derive(Clone, Debug)]
pub struct Chosen { pub hidden: Vec<bool>, pub unproven: Vec<(usize, usize, String)>, pub certificate: [u8; 32] }
#[derive(Clone, Debug)]
pub struct Limits;
impl Default for Limits { fn default() -> Self { Self } }
#[derive(Clone, Debug)]
pub struct Microlp;
pub trait Solver {}
impl Solver for Microlp {}
pub fn choose(_: &[World], _: &[Choice], _: &[u8; 32], _: &Limits, _: &dyn Solver, _: &mut dyn FnMut(usize, usize)) -> Result<Chosen, String> { Err(String::new()) }
pub fn shown_model(_: &World, _: usize, _: &[Choice], _: &[bool]) -> Model { Model::default() }
pub fn bounds(_: &Model, _: &[Form], _: &Limits, _: &dyn Solver) -> Result<Vec<(i64, Option<i64>)>, String> { Ok(vec![]) }
pub mod magnitude { pub fn is_dominated(_: i64, _: u64, _: i64, _: i64) -> bool { true } }
