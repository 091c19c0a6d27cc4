//! Settings from outside: mistakes are named and nothing is started; what counts is shown; what
//! changes is read again while the node runs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::node::{program, read, refusal};
use crate::world::{Node, World, wait_for};

/// Where a mistake stands.
enum At {
    /// In the settings file.
    File(&'static str),
    /// In the environment.
    Variable(&'static str, &'static str),
    /// On the command line of `serve`.
    Flag(&'static str, &'static str),
}

use At::{File, Flag, Variable};

/// Every mistake: where it stands, and what is said of it. `FILE` is the settings file.
const MISTAKES: &[(At, &str)] = &[
    (
        File("\nlisten_on = 1"),
        "FILE line 2: unknown setting 'listen_on'",
    ),
    (
        File("listen = 7443"),
        "FILE line 1: listen is '7443', not an address and port",
    ),
    (File("listen = "), "FILE line 1: "),
    (
        File("[release]\nholds = 2"),
        "FILE line 2: unknown setting 'release.holds'",
    ),
    (File("drain = 1\ndrain = 2"), "FILE line 2: "),
    (
        File("drain = true"),
        "FILE line 1: drain must be text or a whole number",
    ),
    (
        File("drain = '2 weeks'"),
        "FILE line 1: drain is '2 weeks', not a time from 0 to 3600 seconds",
    ),
    (
        File("sync_interval = 'now'"),
        "FILE line 1: sync_interval is 'now', not a time from 1 to 604800",
    ),
    (
        File("advertise = 'node:1'"),
        "FILE line 1: advertise is 'node:1', not https://host:port",
    ),
    (
        File("web = 'on'"),
        "FILE line 1: web is 'on', not an address and port or off",
    ),
    (
        File("metrics = '9464'"),
        "FILE line 1: metrics is '9464', not an address and port or off",
    ),
    (
        File("# open\nmetrics = '0.0.0.0:9464'"),
        "FILE line 2: metrics is '0.0.0.0:9464', which others can reach, and there is no metrics_token_file",
    ),
    (
        File("metrics_token_file = 'gone'"),
        "FILE line 1: metrics_token_file: DIR/gone: metrics token file cannot be read: No such file",
    ),
    (
        File("metrics_token_file = 'short'"),
        "FILE line 1: metrics_token_file: DIR/short: metrics token is not 16 or more visible",
    ),
    (
        File("metrics_token_file = 'open'"),
        "FILE line 1: metrics_token_file: DIR/open: metrics token file has mode 0644",
    ),
    (
        File("listen = '127.0.0.1:9464'\nmetrics = '127.0.0.1:9464'"),
        "FILE line 2: metrics is '127.0.0.1:9464', where listen is already",
    ),
    (
        File("traces = '192.0.2.1:4318'"),
        "FILE line 1: traces is '192.0.2.1:4318', not a loopback address and port of this machine",
    ),
    (
        File("traces = 'http://127.0.0.1:4318'"),
        "FILE line 1: traces is 'http://127.0.0.1:4318', not an address and port or off",
    ),
    (
        File("metrics_token = 'abc'"),
        "FILE line 1: metrics_token is a secret, and secrets are read from files only",
    ),
    (
        File("passphrase = 'abc'"),
        "FILE line 1: passphrase is a secret, and secrets are read from files only",
    ),
    (
        File("passphrase_file = 'open'"),
        "FILE line 1: passphrase_file: DIR/open: passphrase file has mode 0644",
    ),
    (
        File("passphrase_file = 'gone'"),
        "FILE line 1: passphrase_file: DIR/gone: passphrase file cannot be read: No such file",
    ),
    (
        File("log_level = 'loud'"),
        "FILE line 1: log_level is 'loud'; accepted: error warn info debug trace",
    ),
    (
        File("log_format = 'xml'"),
        "FILE line 1: log_format is 'xml'; accepted: human json",
    ),
    (
        File("max_connections = 0"),
        "FILE line 1: max_connections is '0', not a whole number from 1 to",
    ),
    (
        File("max_connections_per_peer = -1"),
        "FILE line 1: max_connections_per_peer is '-1', not a whole",
    ),
    (
        File("max_memory = '64 apples'"),
        "FILE line 1: max_memory is '64 apples', not a size of 32MB or more",
    ),
    (
        File("max_memory = '1MB'"),
        "FILE line 1: max_memory is '1MB', not a size of 32MB or more",
    ),
    (
        File("notify.command = \"tell 'Ana\""),
        "FILE line 1: notify.command has a quote that is not closed",
    ),
    (
        File("[notify]\nprogram = 'x'"),
        "FILE line 2: unknown setting 'notify.program'",
    ),
    (
        File("release.approvals = 0"),
        "FILE line 1: release.approvals is '0', not a whole number from 1",
    ),
    (
        Variable("COUNTERFOIL_LISTEN", "here"),
        "COUNTERFOIL_LISTEN: listen is 'here', not an address",
    ),
    (
        Variable("COUNTERFOIL_PASSPHRASE", "abc"),
        "COUNTERFOIL_PASSPHRASE: passphrase is a secret",
    ),
    (
        Variable("COUNTERFOIL_METRICS_TOKEN", "x"),
        "COUNTERFOIL_METRICS_TOKEN: metrics_token is a secret",
    ),
    (
        Variable("COUNTERFOIL_METRICS", "[::]:1"),
        "COUNTERFOIL_METRICS: metrics is '[::]:1', which others",
    ),
    (
        Flag("--listen", "x\ny"),
        "--listen: listen is 'x\\ny', not an address and port",
    ),
    (
        Flag("--metrics", "192.0.2.1:9"),
        "--metrics: metrics is '192.0.2.1:9', which others can reach",
    ),
];

#[test]
fn every_mistake_is_named_in_one_line_and_nothing_is_started() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    for (name, text, mode) in [
        ("open", "a long enough secret", 0o644),
        ("short", "abc", 0o600),
    ] {
        let path = node.dir.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    }
    let settings = node.dir.join("counterfoil.toml");
    let before = files(&node.dir);
    for (at, wanted) in MISTAKES {
        let text = match at {
            File(text) => text,
            _ => "listen = '127.0.0.1:0'",
        };
        std::fs::write(&settings, text).expect("written");
        for command in ["serve", "config"] {
            let mut run = program(world.root());
            run.arg("--json").arg("--dir").arg(&node.dir).arg(command);
            match (command, at) {
                ("config", Flag(..)) => continue,
                ("config", _) => drop(run.arg("check")),
                _ => {}
            }
            match at {
                File(_) => {}
                Variable(name, value) => drop(run.env(name, value)),
                Flag(name, value) => drop(run.args([name, value])),
            }
            let output = run.stderr(Stdio::null()).output().expect("it starts");
            let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
            let told = refusal((output.status.code().expect("a code"), value), 1, "config");
            let wanted = wanted
                .replace("FILE", &settings.display().to_string())
                .replace("DIR", &node.dir.display().to_string());
            assert!(told.starts_with(&wanted), "{told}\n  wanted {wanted}");
        }
    }
    assert_eq!(files(&node.dir), before, "nothing was begun");
    assert!(
        world
            .path("run")
            .read_dir()
            .expect("a folder")
            .next()
            .is_none()
    );
}

#[test]
fn an_address_or_a_passphrase_that_does_not_fit_is_named_before_anything_is_written() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    let database = node.dir.join("public/db");
    let before = (files(&node.dir), read(&database));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    for flag in ["--listen", "--metrics"] {
        let told = node.refused(&["serve", flag, &taken], "config");
        assert!(told.contains(&taken), "{told}");
        assert_eq!((files(&node.dir), read(&database)), before, "{flag}");
    }
    let wrong = world.write("wrong", "not the passphrase\n");
    std::fs::set_permissions(&wrong, Permissions::from_mode(0o600)).expect("a mode");
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["record", "list"],
    ] {
        let told = node.refused(
            &[&["--passphrase-file", &wrong], command].concat(),
            "passphrase",
        );
        assert!(told.starts_with(&wrong), "{told}");
    }
}

#[test]
fn a_variable_of_nobody_is_told_and_left_alone() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    let mut check = node.command(&["config", "check"]);
    check.env("COUNTERFOIL_PASSWORD_FILE", "secret");
    let said = check.output().expect("it starts");
    let said: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(said["strangers"], json!(["COUNTERFOIL_PASSWORD_FILE"]));
}

#[test]
fn a_program_or_a_folder_that_is_not_there_is_told() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    let settings = node.dir.join("counterfoil.toml");
    let absent = |text: &str| {
        std::fs::write(&settings, text).expect("written");
        let checked = node.ok(&["config", "check"]);
        assert_eq!(checked["valid"], true);
        checked["absent"].clone()
    };
    let there = format!(
        "notify.command = 'sh -c true'\nbackup.dir = '{}'\n",
        node.dir.display()
    );
    assert_eq!(absent(&there), json!([]));
    // A file that nobody may run is no program.
    let text = format!("notify.command = '{}'\n", settings.display());
    assert_eq!(absent(&text).as_array().map(Vec::len), Some(1));
    let at = settings.display();
    assert_eq!(
        absent("notify.command = 'tell-nobody'\n\nbackup.dir = '/nowhere'\n"),
        json!([
            format!("tell-nobody, which is notify.command in {at} line 1"),
            format!("/nowhere, which is backup.dir in {at} line 3")
        ])
    );
}

/// Names of everything in a folder.
fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
    names.sort();
    names
}

#[test]
fn what_counts_is_shown_with_where_it_stands() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    let settings = node.dir.join("counterfoil.toml");
    let text = "listen = '127.0.0.1:0'\nsync_interval = '1h'\n\
                notify.command = 'tell --key hunter2'\n";
    std::fs::write(&settings, text).expect("written");
    let checked = node.ok(&["config", "check"]);
    assert_eq!(
        (&checked["valid"], &checked["settings"]),
        (&json!(true), &json!(5)),
        "{checked}"
    );
    let shown = node.ok(&["config", "show"]);
    let of = |key: &str| {
        let all = shown["settings"].as_array().expect("settings");
        all.iter().find(|one| one["key"] == key).expect(key).clone()
    };
    let place = |line: u32| format!("{} line {line}", settings.display());
    assert_eq!(
        of("sync_interval"),
        json!({"key": "sync_interval", "value": "1h", "from": "file", "place": place(2)})
    );
    assert_eq!(of("log_level")["place"], "COUNTERFOIL_LOG_LEVEL");
    assert_eq!(
        of("drain"),
        json!({"key": "drain", "value": "10s", "from": "default", "place": null})
    );
    assert_eq!(of("passphrase_file")["from"], "environment");
    let said = shown.to_string();
    assert!(
        !said.contains("hunter2") && !said.contains("the passphrase of"),
        "{said}"
    );
}

/// Serves with nothing about the log in the environment, so that the file has the word.
fn serve_by_file(node: &mut Node) {
    let mut command = node.command(&["serve"]);
    command.env_remove("COUNTERFOIL_LOG_LEVEL");
    node.start(command);
}

fn log(node: &Node) -> String {
    String::from_utf8(read(&node.log())).expect("UTF-8")
}

#[test]
fn settings_and_certificate_are_read_again_and_what_is_broken_stays_as_it_was() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    assert!(inpud.terminate().success());
    let settings = inpud.dir.join("counterfoil.toml");
    std::fs::write(&settings, "listen = '127.0.0.1:0'\nlog_level = 'error'\n").expect("written");
    serve_by_file(&mut inpud);
    anpud.knows(&inpud);
    anpud.sync(&inpud);
    let quiet = log(&inpud).len();

    let text = "listen = '127.0.0.1:1'\nlog_level = 'debug'\n";
    std::fs::write(&settings, text).expect("written");
    let said = inpud.ok(&["config", "reload"]);
    assert_eq!(
        (&said["applied"], &said["needs_restart"]),
        (&json!(["log_level"]), &json!(["listen"])),
        "{said}"
    );
    anpud.sync(&inpud);
    let heard = log(&inpud).split_off(quiet);
    assert!(heard.contains("\"level\":\"DEBUG\""), "{heard}");

    the_certificate_is_exchanged(&inpud, &anpud);

    let broken = "log_level = 'error'\ndrain = 'soon'\n";
    std::fs::write(&settings, broken).expect("written");
    inpud.signal(Signal::HUP);
    let problem = wait_for("health to say so", || problem(&inpud, "settings_broken"));
    assert!(problem.contains("line 2: drain is 'soon'"), "{problem}");
    let said = inpud.run(&["config", "reload"]);
    assert_eq!(
        (said.0, &said.1["problems"][0]["code"]),
        (1, &json!("settings_broken"))
    );
    // What locks a node, or watches over it, works whatever was mistyped.
    inpud.ok(&["health", "--live"]);
    inpud.ok(&["lock"]);
    assert!(log(&inpud).contains("settings cannot be used; those in use stay"));
    anpud.sync(&inpud);

    std::fs::write(&settings, "listen = '127.0.0.1:0'\nlog_level = 'info'\n").expect("written");
    inpud.signal(Signal::HUP);
    wait_for("health to be mended", || {
        match problem_of(&inpud, "settings_broken") {
            None => Some(()),
            Some(_) => None,
        }
    });
    assert!(inpud.terminate().success());
    std::fs::write(&settings, broken).expect("written");
    let told = inpud.refused(&["health"], "config");
    assert!(told.contains("line 2: drain is 'soon'"), "{told}");
}

fn problem_of(node: &Node, code: &str) -> Option<String> {
    let health = node.run(&["health"]).1;
    let problems = health["problems"].as_array().expect("problems");
    let problem = problems.iter().find(|problem| problem["code"] == code)?;
    Some(problem["message"].as_str().expect("a message").to_owned())
}

fn problem(node: &Node, code: &str) -> Option<String> {
    problem_of(node, code)
}

fn the_certificate_is_exchanged(inpud: &Node, anpud: &Node) {
    let cert = inpud.dir.join("node.cert");
    let good = read(&cert);
    for (broken, wanted) in [
        (&b"junk\n"[..], "node.cert"),
        (
            &read(&anpud.dir.join("node.cert"))[..],
            "is the certificate of spiffe://anpud.joint/node",
        ),
    ] {
        std::fs::write(&cert, broken).expect("written");
        let (code, said) = inpud.run(&["config", "reload"]);
        let told = said["problems"][0]["message"].as_str().expect("a message");
        assert_eq!(
            (code, &said["problems"][0]["code"]),
            (1, &json!("certificate_broken")),
            "{said}"
        );
        assert!(told.contains(wanted), "{told}");
        let told = problem_of(inpud, "certificate_broken").expect("health says so");
        assert!(told.contains("the certificate in use stays"), "{told}");
        // The one in use stays, and the node is as ready as it was.
        anpud.sync(inpud);
        assert_eq!(inpud.ok(&["health"])["ready"], true);
    }
    std::fs::write(&cert, &good).expect("written");
    std::fs::set_permissions(&cert, Permissions::from_mode(0o644)).expect("a mode");
    let (_, said) = inpud.run(&["config", "reload"]);
    let told = said["problems"][0]["message"].as_str().expect("a message");
    assert!(told.contains("has mode 0644"), "{told}");
    std::fs::set_permissions(&cert, Permissions::from_mode(0o600)).expect("a mode");
    let said = inpud.ok(&["config", "reload"]);
    assert_eq!(said["applied"], json!([]), "the same as before: {said}");
    assert!(problem_of(inpud, "certificate_broken").is_none());
    a_new_certificate_is_shown(inpud, anpud, &cert);
}

/// Takes the file away, so that unlocking issues another, and puts that in place of the old one.
fn a_new_certificate_is_shown(inpud: &Node, anpud: &Node, cert: &Path) {
    let old = read(cert);
    std::fs::remove_file(cert).expect("removed");
    inpud.ok(&["unlock"]);
    let new = read(cert);
    assert_ne!(new, old, "another was issued, and is shown");
    for (file, applied) in [
        (&old, json!(["certificate"])),
        (&new, json!(["certificate"])),
    ] {
        std::fs::write(cert, file).expect("written");
        let said = inpud.ok(&["config", "reload"]);
        assert_eq!(said["applied"], applied, "{said}");
        anpud.sync(inpud);
    }
}
