//! One node: its commands, and its process while it serves.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::wait_for;

/// Adds a training; what it has beside its title follows.
pub(crate) const A_TRAINING: [&str; 6] = [
    "record",
    "add",
    "--kind",
    "training",
    "--set",
    "title=A day",
];

/// A node in its own directory. What it says on standard error, at every level, is kept.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    root: PathBuf,
    relay: bool,
    serving: Option<Serving>,
}

/// The process while it serves.
#[derive(Debug)]
struct Serving {
    child: Child,
    ready: Value,
}

impl Node {
    pub(super) fn make(root: &Path, id: &str, flags: &[&str]) -> Self {
        let node = Self {
            id: id.to_owned(),
            dir: root.join(id),
            root: root.to_owned(),
            relay: flags.contains(&"--relay"),
            serving: None,
        };
        let passphrase = node.passphrase();
        std::fs::write(&passphrase, format!("the passphrase of {id}\n")).expect("written");
        std::fs::set_permissions(&passphrase, Permissions::from_mode(0o600)).expect("a mode");
        let mut command = vec!["init", "--member", id, "--name", id];
        command.extend(["--listen", "127.0.0.1:0"]);
        command.extend(flags);
        let made = node.ok(&command);
        assert_eq!(made["member"], id);
        node
    }

    /// Takes over a node whose directory is there already, with the passphrase that opens it.
    pub(super) fn adopt(root: &Path, id: &str, passphrase: &str) -> Self {
        let node = Self {
            id: id.to_owned(),
            dir: root.join(id),
            root: root.to_owned(),
            relay: false,
            serving: None,
        };
        let file = node.passphrase();
        std::fs::write(&file, format!("{passphrase}\n")).expect("written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
        node
    }

    /// Runs a command with another passphrase at hand than the node's usual one, or none.
    #[track_caller]
    pub(crate) fn run_with(&self, passphrase: Option<&str>, arguments: &[&str]) -> (i32, Value) {
        let mut command = self.command(arguments);
        command.env_remove("COUNTERFOIL_PASSPHRASE_FILE");
        if let Some(file) = passphrase {
            command.env("COUNTERFOIL_PASSPHRASE_FILE", file);
        }
        answer(&mut command)
    }

    pub(crate) const fn is_relay(&self) -> bool {
        self.relay
    }

    /// Returns where its passphrase is.
    pub(crate) fn passphrase(&self) -> PathBuf {
        self.root.join(format!("{}.passphrase", self.id))
    }

    /// Returns where everything it said on standard error is kept.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join(format!("{}.log", self.id))
    }

    fn ready_file(&self) -> PathBuf {
        self.root.join(format!("{}.ready", self.id))
    }

    /// Returns a command of this node, with its passphrase at hand, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.root);
        command
            .arg("--json")
            .arg("--dir")
            .arg(&self.dir)
            .args(arguments)
            .env("COUNTERFOIL_PASSPHRASE_FILE", self.passphrase())
            .env("COUNTERFOIL_LOG_LEVEL", "trace")
            .stderr(Stdio::from(self.open_log()));
        command
    }

    fn open_log(&self) -> File {
        let mut log = OpenOptions::new();
        let log = log.create(true).append(true).open(self.log());
        log.expect("a log")
    }

    /// Runs a command and returns its exit code and the one JSON value it printed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, Value) {
        answer(&mut self.command(arguments))
    }

    /// Runs a command that does what it is asked, and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> Value {
        let (code, value) = self.run(arguments);
        assert_eq!(code, 0, "{} {arguments:?}: {value}", self.id);
        value
    }

    /// Runs a command that is refused with this code, and returns the message.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], code: &str) -> String {
        refusal(self.run(arguments), 1, code)
    }

    /// Starts serving, with the private plane open, and returns once the node is ready.
    pub(crate) fn serve(&mut self) {
        let command = self.command(&["serve"]);
        self.start(command);
    }

    /// Starts serving with nobody there to say the passphrase.
    pub(crate) fn serve_locked(&mut self) {
        let mut command = self.command(&["serve"]);
        command.env_remove("COUNTERFOIL_PASSPHRASE_FILE");
        self.start(command);
    }

    /// Starts serving with what a service manager gives: a socket to be told on, and the passphrase
    /// as a credential.
    pub(crate) fn serve_managed(&mut self, notify: &str, credential: &Path) {
        let mut command = self.command(&["serve"]);
        command
            .env("NOTIFY_SOCKET", notify)
            .env("COUNTERFOIL_PASSPHRASE_FILE", credential);
        self.start(command);
    }

    /// Starts serving, with the private plane open, as the child of another program.
    pub(crate) fn serve_under(&mut self, program: &[&str]) {
        let plain = self.command(&["serve"]);
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stderr(Stdio::from(self.open_log()))
            .env_clear();
        for (name, value) in plain.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        self.start(command);
    }

    /// Starts serving by a command of one's own.
    pub(crate) fn start(&mut self, mut command: Command) {
        assert!(self.serving.is_none(), "{} serves already", self.id);
        let ready = self.ready_file();
        let _absent = std::fs::remove_file(&ready);
        command.arg("--ready-file").arg(&ready);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let ready = wait_for("a node that serves", || {
            if let Some(status) = child.try_wait().expect("a process") {
                let mut said = String::new();
                if let Some(mut out) = child.stdout.take() {
                    let _text = std::io::Read::read_to_string(&mut out, &mut said);
                }
                panic!("{} ended with {status}: {said}", self.id);
            }
            let text = std::fs::read_to_string(&ready).ok()?;
            Some(serde_json::from_str(&text).expect("a ready file is whole and JSON"))
        });
        self.serving = Some(Serving { child, ready });
    }

    /// Returns what the ready file said.
    #[track_caller]
    pub(crate) fn ready(&self) -> &Value {
        &self.serving.as_ref().expect("it serves").ready
    }

    /// Returns where peers reach it.
    #[track_caller]
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// Returns the address its mutual TLS listener is bound to.
    #[track_caller]
    pub(crate) fn address(&self) -> String {
        self.ready()["grpc"]
            .as_str()
            .expect("an address")
            .to_owned()
    }

    /// Tells it where another node is; again once that one has come back on another port.
    #[track_caller]
    pub(crate) fn knows(&self, other: &Self) {
        self.ok(&["peer", "add", &other.id, &other.url()]);
    }

    /// Syncs with one peer, both sides to the end, and returns how many leaves came and went.
    #[track_caller]
    pub(crate) fn sync(&self, other: &Self) -> (u64, u64) {
        let synced = self.ok(&["peer", "sync", "--peer", &other.id]);
        let peer = &synced["peers"][0];
        assert_eq!(peer["member"], other.id.as_str(), "{synced}");
        assert_eq!(peer["ok"], true, "{synced}");
        let number = |name: &str| peer[name].as_u64().expect("a number");
        (number("received"), number("sent"))
    }

    /// Ends the process as a power cut does.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        let mut serving = self.serving.take().expect("it serves");
        serving.child.kill().expect("a process");
        serving.child.wait().expect("a process");
    }

    /// Waits until the process ends, by itself or because it was told to, and returns how.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut serving = self.serving.take().expect("it serves");
        wait_for("a node that goes down", || {
            serving.child.try_wait().expect("a process")
        })
    }

    /// Tells the process to stop, and returns how it ended.
    #[track_caller]
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let mut serving = self.serving.take().expect("it serves");
        let pid = Pid::from_child(&serving.child);
        kill_process(pid, Signal::TERM).expect("a process");
        serving.child.wait().expect("a process")
    }

    /// Sends the process a signal.
    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        let serving = self.serving.as_ref().expect("it serves");
        kill_process(Pid::from_child(&serving.child), signal).expect("a process");
    }

    /// Begins to import a file that never ends, so that a call stays open.
    pub(crate) fn endless_import(&self, world: &super::World) -> Child {
        let pipe = world.path("endless.csv");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .expect("a pipe");
        let file = pipe.to_str().expect("UTF-8");
        let mut command = self.command(&["record", "import", file, "--kind", "training"]);
        let child = command.stdout(Stdio::null()).spawn().expect("it starts");
        // Opened once it is read, and never closed while this process lives.
        let mut write = OpenOptions::new()
            .write(true)
            .open(&pipe)
            .expect("it is read");
        // Far more than waits on the way, so that the node has begun to read.
        let rows = format!("title,start\n{}", "A training,2018-02-01\n".repeat(200_000));
        std::io::Write::write_all(&mut write, rows.as_bytes()).expect("it is read");
        std::mem::forget(write);
        child
    }

    /// Previews one period of a kind, publishes it, and returns what was published.
    #[track_caller]
    pub(crate) fn publish(&self, period: &str, kind: &str) -> Value {
        let draft = self.ok(&["release", "preview", period, "--kind", kind]);
        let digest = draft["digest"].as_str().expect("a digest");
        self.ok(&["release", "publish", digest])
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            let _ended = serving.child.kill();
            let _reaped = serving.child.wait();
        }
    }
}

/// Runs a command with no node, in the folder of the world.
#[track_caller]
pub(crate) fn ok(root: &Path, arguments: &[&str]) -> Value {
    let (code, value) = bare(root, arguments);
    assert_eq!(code, 0, "{arguments:?}: {value}");
    value
}

/// Runs a command with no node, and returns its exit code and what it printed.
#[track_caller]
pub(crate) fn bare(root: &Path, arguments: &[&str]) -> (i32, Value) {
    answer(
        program(root)
            .arg("--json")
            .args(arguments)
            .stderr(Stdio::null()),
    )
}

/// Checks that a command was refused: its exit code, its word, one line, and a hint or none.
#[track_caller]
pub(crate) fn refusal((exit, value): (i32, Value), wanted: i32, code: &str) -> String {
    let error = &value["error"];
    assert_eq!(
        (exit, error["code"].as_str()),
        (wanted, Some(code)),
        "{value}"
    );
    let message = error["message"].as_str().expect("a message");
    let hint = error["hint"].as_str().expect("a hint, if an empty one");
    for line in [message, hint] {
        assert!(!line.contains('\n'), "more than a line: {line}");
    }
    assert!(!message.is_empty(), "{value}");
    message.to_owned()
}

/// Returns the program with nothing of this machine in its environment.
pub(crate) fn program(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command
        .current_dir(root)
        .env_clear()
        .env("XDG_RUNTIME_DIR", root.join("run"))
        .env("TMPDIR", root)
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn answer(command: &mut Command) -> (i32, Value) {
    let output = command.stdout(Stdio::piped()).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{command:?}: one JSON value, not {text:?} ({error})"));
    assert_eq!(text.lines().count(), 1, "one value on one line: {text}");
    let code = output.status.code().expect("an exit code");
    (code, value)
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).expect("a file");
    std::io::Read::read_to_end(&mut file, &mut bytes).expect("it can be read");
    bytes
}
