//! Every kind with every field and list: added, shown, published, reported in every measure; and
//! financial years, visibility, leads and money as they are to be.

use counterfoil::charter::Policy;
use counterfoil::charter::policy::{Size, YearStart};
use counterfoil::model::{Dimension, Grain, Measure};
use serde_json::{Value, json};

use crate::world::table::{Row, only};
use crate::world::{Node, World};

/// The default plan with financial years from April, policies in use, and roles.
fn policy() -> String {
    let mut policy = Policy::default_plan();
    policy.financial_year_starts = Some(YearStart::April);
    for table in &mut policy.table {
        if table.id == "training.activities" {
            table.period.push(Grain::FinancialYear);
        }
    }
    let milestones = policy
        .table
        .iter()
        .find(|table| table.id == "capacity_milestone.activities");
    let mut in_use = milestones.expect("the plan has it").clone();
    in_use.id = "capacity_milestone.policies_in_use".to_owned();
    in_use.measure = Measure::PoliciesInUse;
    let ages = policy
        .table
        .iter()
        .find(|table| table.id == "training.people.by_age2");
    let mut roles = ages.expect("the plan has it").clone();
    roles.id = "training.people.by_role".to_owned();
    (roles.by, roles.attributes) = (vec![Dimension::Role], vec![Dimension::Role]);
    roles.sizes = vec![Size::Large];
    policy.table.extend([in_use, roles]);
    toml::to_string(&policy).expect("a policy is TOML")
}

const KINDS: [&str; 5] = [
    "training",
    "consultation",
    "joint_project",
    "advocacy_action",
    "capacity_milestone",
];

struct Stage {
    world: World,
    inpud: Node,
    _anpud: Node,
}

impl Stage {
    fn set() -> Self {
        let world = World::new();
        let mut inpud = world.member("inpud", &["--size", "large", "--countries", "TH,GB"]);
        let mut anpud = world.member("anpud", &[]);
        inpud.serve();
        anpud.serve();
        let policy = world.write("policy", policy());
        let draft = world.draft("2018", &[&inpud, &anpud], &["--policy", &policy]);
        let charter = world.write("charter", draft);
        for node in [&inpud, &anpud] {
            node.ok(&["charter", "sign", &charter]);
        }
        for node in [&inpud, &anpud] {
            node.ok(&["charter", "apply", &charter]);
        }
        Self {
            world,
            inpud,
            _anpud: anpud,
        }
    }

    /// Adds a record and reads it back with every field as it was given.
    fn add(&self, kind: &str, fields: &[&str]) -> String {
        let add = [&["record", "add", "--kind", kind, "--set"][..], fields].concat();
        let added = self.inpud.ok(&add);
        let id = added["id"].as_str().expect("an id").to_owned();
        let shown = self.inpud.ok(&["record", "show", &id]);
        for field in fields {
            let (name, value) = field.split_once('=').expect("a field");
            let shown = match &shown["fields"][name] {
                Value::String(text) => text.clone(),
                Value::Array(codes) => {
                    let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
                    codes.join(";")
                }
                Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
                other => other.to_string(),
            };
            let made = name == "joint_id" && value == "new";
            assert!(made || shown == value, "{kind} {field}: {shown}");
        }
        id
    }

    /// Puts rows on a list and reads them back.
    fn list(&self, id: &str, list: &str, csv: &str) {
        let file = self.world.write(&format!("{list}.csv"), csv);
        let outcome = self
            .inpud
            .ok(&["record", "import", &file, "--into", id, "--list", list]);
        let rows = csv.lines().count() - 1;
        assert_eq!(outcome["created"], rows, "{list}: {outcome}");
        let shown = self.inpud.ok(&["record", "show", id]);
        let kept = shown["lists"][list].as_array().expect("rows");
        assert_eq!(kept.len(), rows, "{list}");
        let columns = csv.lines().next().unwrap_or_default().split(',');
        for column in columns {
            let some = kept.iter().any(|row| !row[column].is_null());
            assert!(some, "{list} {column}: {kept:?}");
        }
    }

    fn publish(&self, periods: &[&str]) {
        for period in periods {
            let kinds: &[&str] = match *period {
                "FY2018" => &["training"],
                _ => &KINDS,
            };
            let preview = [&["release", "preview", period, "--kind"][..], kinds].concat();
            let draft = self.inpud.ok(&preview);
            let digest = draft["digest"].as_str().expect("a digest");
            self.inpud.ok(&["release", "publish", digest]);
        }
    }

    fn report(&self, question: &str) -> Value {
        let mut command = vec!["report"];
        command.extend(question.split(' '));
        command.extend(["--member", "inpud", "--allow-partial"]);
        self.inpud.ok(&command)
    }

    /// Checks the one figure of a year that a question asks for.
    #[track_caller]
    fn check(&self, question: &str, expected: Value) {
        let question = question.replacen(' ', " --measure ", 1);
        let question = match question.contains("--from") {
            true => question,
            false => format!("{question} --grain year --from 2018 --to 2018"),
        };
        let answer = self.report(&question);
        let rows = answer["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 1, "{question}: {answer}");
        assert_eq!(rows[0]["value"], expected, "{question}: {answer}");
    }

    /// Checks that the one protected figure of a year holds the truth.
    #[track_caller]
    fn holds(&self, question: &str, truth: u64) {
        let question = question.replacen(' ', " --measure ", 1);
        let question = format!("{question} --grain year --from 2018 --to 2018");
        let row: Row = only(&self.report(&question));
        assert!(row.holds(truth), "{question}: {row:?}");
    }
}

#[test]
fn every_kind_goes_from_the_book_to_the_report() {
    let stage = Stage::set();
    training(&stage);
    consultation(&stage);
    project(&stage);
    advocacy(&stage);
    capacity(&stage);
    stage.publish(&["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018", "FY2018"]);
    trained(&stage);
    consulted(&stage);
    ran(&stage);
    spoke(&stage);
    grew(&stage);
    financial_years(&stage);
}

fn training(stage: &Stage) {
    let common = [
        "source_id=t1",
        "title=Books",
        "start=2018-02-05",
        "end=2018-02-06",
    ];
    let place = [
        "country=TH",
        "themes=drug_policy",
        "grant=rcf",
        "notes=n",
        "visibility=counts",
    ];
    let own = [
        "topics=accounting;auditing",
        "hours=6.5",
        "invited=40",
        "registered=35",
    ];
    let counts = ["attended=30", "completed=25", "staff_reach=most"];
    let id = stage.add("training", &[&common[..], &place, &own, &counts].concat());
    let mut people = String::from("person,gender,age_band,role,completed\n");
    for nth in 0..30 {
        let gender = ["woman", "man"][nth % 2];
        people.push_str(&format!("code-{nth},{gender},30-39,member,yes\n"));
    }
    stage.list(&id, "participants", &people);
    let sessions = "date,minutes,attended\n2018-02-05,240,30\n2018-02-06,150,30\n";
    stage.list(&id, "sessions", sessions);
    // In no table; in all but the one by country; counted by another.
    stage.add(
        "training",
        &["title=a", "start=2018-02-07", "visibility=node"],
    );
    let hidden = [
        "title=b",
        "start=2018-05-07",
        "country=GB",
        "visibility=place_hidden",
    ];
    stage.add("training", &[&hidden[..], &["topics=hr"]].concat());
    let joined = [
        "title=c",
        "start=2018-02-08",
        "joint_id=K7-MANGO",
        "lead=anpud",
    ];
    stage.add("training", &joined);
}

fn trained(stage: &Stage) {
    stage.check("training activities", json!(2));
    stage.check("training activities_joined", json!(1));
    stage.check(
        "training activities --by country --where country=TH",
        json!(1),
    );
    stage.check(
        "training activities --by country --where country=withheld_place",
        json!(1),
    );
    stage.check(
        "training activities --by country --where country=GB",
        json!(0),
    );
    stage.check(
        "training activities --by region --where region=asia",
        json!(1),
    );
    for topic in ["accounting", "auditing"] {
        let where_it_counts = format!("--where topic={topic} grant=rcf");
        stage.check(&format!("training activities {where_it_counts}"), json!(1));
        stage.check(&format!("training hours {where_it_counts}"), json!(6.5));
        let reach = format!("training staff_reach --where topic={topic} reach=most");
        stage.check(&reach, json!(1));
    }
    stage.holds("training attendances", 60);
    stage.holds("training people", 30);
    stage.holds("training completions", 30);
    stage.holds("training people --where gender3=women", 15);
    stage.holds("training people --where age2=25_plus", 30);
    stage.holds("training people --where role=member", 30);
}

fn consultation(stage: &Stage) {
    let common = [
        "title=Comments",
        "start=2018-03-01",
        "country=online",
        "meetings=2",
    ];
    let own = ["document=treatment_standards", "body=UNODC", "attended=12"];
    let id = stage.add("consultation", &[&common[..], &own].concat());
    let suggestions = "source_id,section,text,made,decided,status,priority\n\
        1,2.1,a,2018-03-02,,open,high\n\
        2,2.2,b,2018-03-02,2018-11-01,promised,\n\
        3,2.3,c,2018-03-02,2018-11-01,in_final_text,\n\
        4,2.4,d,2018-03-02,2018-11-01,partly,\n\
        5,2.5,e,2018-05-02,2018-11-01,refused,\n\
        6,2.6,f,2018-05-02,2018-11-01,withdrawn,\n\
        7,2.7,g,2018-05-02,2018-11-01,out_of_scope,\n";
    stage.list(&id, "suggestions", suggestions);
    let people: String = (0..12).map(|nth| format!("code-{nth},partner\n")).collect();
    stage.list(&id, "participants", &format!("person,role\n{people}"));
}

fn consulted(stage: &Stage) {
    stage.check("consultation activities", json!(1));
    stage.check("consultation activities_joined", json!(0));
    stage.check("consultation meetings", json!(2));
    for (measure, all, in_q2) in [
        ("suggestions_sent", 7, 3),
        ("suggestions_open", 1, 0),
        ("suggestions_promised", 1, 0),
        ("suggestions_in_final_text", 1, 0),
        ("suggestions_partly", 1, 0),
        ("suggestions_refused", 1, 0),
    ] {
        stage.check(&format!("consultation {measure}"), json!(all));
        let quarter = "--from 2018Q2 --to 2018Q2";
        stage.check(&format!("consultation {measure} {quarter}"), json!(in_q2));
        let quarters = "--from 2018 --to 2018 --grain quarter";
        stage.check(&format!("consultation {measure} {quarters}"), json!(all));
    }
    stage.holds("consultation attendances", 12);
    stage.holds("consultation people", 12);
}

fn project(stage: &Stage) {
    let common = [
        "title=Joint",
        "start=2018-01-15",
        "joint_id=new",
        "lead=inpud",
        "grant=rcf",
    ];
    let money = ["currency=EUR", "budget=120000.50", "spent=41250.0001"];
    let own = [
        "partners=inpud; anpud",
        "funder=RCF",
        "status=finished",
        "finished=2018-08-01",
    ];
    let id = stage.add("joint_project", &[&common[..], &money, &own].concat());
    let milestones =
        "title,due,done\nplan,2018-02-01,2018-02-10\nend,2018-08-01,\nlate,2018-03-01,2018-11-01\n";
    stage.list(&id, "milestones", milestones);
    stage.list(&id, "participants", "person,role\ncode-1,staff\n");
    let other = [
        "title=Own",
        "start=2018-04-01",
        "grant=global_fund",
        "currency=USD",
    ];
    stage.add(
        "joint_project",
        &[&other[..], &["budget=10", "status=running"]].concat(),
    );
}

fn ran(stage: &Stage) {
    stage.check("joint_project activities", json!(2));
    stage.check("joint_project activities --where grant=rcf", json!(1));
    stage.check("joint_project running", json!(1));
    stage.check("joint_project running --from 2018Q2 --to 2018Q2", json!(2));
    stage.check("joint_project finished", json!(1));
    stage.check("joint_project milestones_due", json!(3));
    stage.check("joint_project milestones_done", json!(2));
    stage.check(
        "joint_project milestones_done --from 2018Q4 --to 2018Q4",
        json!(1),
    );
    let (euro, dollar) = ("--where currency=EUR", "--where currency=USD");
    stage.check(&format!("joint_project budget {euro}"), json!("120000.50"));
    stage.check(&format!("joint_project spent {euro}"), json!("41250.0001"));
    stage.check(&format!("joint_project budget {dollar}"), json!("10.00"));
    stage.inpud.refused(
        &["report", "joint_project", "--measure", "budget"],
        "currency_needed",
    );
}

fn advocacy(stage: &Stage) {
    let common = ["title=Letter", "start=2018-02-26", "country=international"];
    let own = [
        "action_type=open_letter",
        "addressees=UNODC",
        "outcome=first_draft_stopped",
    ];
    let more = [
        "outcome_date=2018-03-15",
        "evidence=minutes",
        "includes_self=yes",
    ];
    let id = stage.add("advocacy_action", &[&common[..], &own, &more].concat());
    let signatories = "name,type,country,scope,public\n\
        One,organisation,TH,national,yes\n\
        Two,organisation,GB,regional,no\n\
        Three,organisation,TH,international,yes\n\
        A Person,individual,TH,,no\n";
    let file = stage.world.write("signatories.csv", signatories);
    let import = [
        "record",
        "import",
        &file,
        "--into",
        &id,
        "--list",
        "signatories",
    ];
    assert_eq!(stage.inpud.ok(&import)["created"], 4);
    let shown = stage.inpud.ok(&["record", "show", &id]);
    assert!(!shown.to_string().contains("A Person"), "{shown}");
}

fn spoke(stage: &Stage) {
    stage.check("advocacy_action activities", json!(1));
    stage.check("advocacy_action activities_joined", json!(0));
    let letter = "--where action_type=open_letter outcome=first_draft_stopped";
    stage.check(&format!("advocacy_action activities {letter}"), json!(1));
    stage.check("advocacy_action signatories", json!(3));
    stage.check(
        "advocacy_action signatories --where scope=regional",
        json!(1),
    );
    // By country only those that agreed to be named.
    stage.check("advocacy_action signatories --where country=TH", json!(2));
    stage.check("advocacy_action signatories --where country=GB", json!(0));
}

fn capacity(stage: &Stage) {
    let common = [
        "title=HR manual",
        "start=2018-02-01",
        "domain=hr",
        "item=hr_manual",
    ];
    let id = stage.add(
        "capacity_milestone",
        &[&common[..], &["state=done", "staff_band=5-9"]].concat(),
    );
    let policies = "code,status,approved\nhr_manual,in_use,2018-02-01\nprocurement,draft,\n";
    stage.list(&id, "policies", policies);
    stage.add(
        "capacity_milestone",
        &[
            "title=Plan",
            "start=2018-05-01",
            "domain=governance",
            "item=strategic_plan",
            "state=planned",
        ],
    );
}

fn grew(stage: &Stage) {
    stage.check("capacity_milestone activities", json!(2));
    stage.check("capacity_milestone activities_joined", json!(0));
    let done = "--where domain=hr item=hr_manual state=done";
    stage.check(
        &format!("capacity_milestone networks_with {done}"),
        json!(1),
    );
    let early = "--from 2018Q1 --to 2018Q1 --where state=planned item=strategic_plan";
    stage.check(
        &format!("capacity_milestone networks_with {early}"),
        json!(0),
    );
    stage.check("capacity_milestone policies_in_use", json!(1));
}

/// From April 2018 to March 2019, in figures and in words.
fn financial_years(stage: &Stage) {
    stage.check(
        "training activities --from FY2018 --to FY2018 --grain fy",
        json!(1),
    );
    let quarters =
        stage.report("training --measure activities --from FY2018 --to FY2018 --by period");
    assert_eq!(quarters["rows"][0]["group"]["period"], "2018Q2");
    assert_eq!(quarters["rows"][3]["group"]["period"], "2019Q1");
    let story = [
        "story", "--from", "FY2018", "--to", "FY2018", "--member", "inpud",
    ];
    let story = stage.inpud.ok(&story);
    let told = story["story"].as_array().expect("sentences");
    assert!(told.contains(&json!("Trainings 1.")), "{told:?}");
    // What is not published by financial year is told from its quarters, of which one lacks.
    let sent = "Standards: at least 3 suggestions sent, at least 1 promised, \
        at least 1 in the final text, at least 1 taken in part, at least 1 refused.";
    assert!(told.contains(&json!(sent)), "{told:?}");
}
