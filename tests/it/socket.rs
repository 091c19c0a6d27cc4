//! Commands and the node of one user: over the Unix socket, and inside one process.

use std::os::unix::fs::PermissionsExt as _;

use counterfoil::rpc::connect::{self, ConnectError};
use counterfoil::rpc::local::{LocalError, LocalSocket, owner, serve, socket_paths};
use counterfoil::rpc::{Caller, Limits};
use tokio::sync::oneshot;
use tonic::Code;

use crate::listener::{check_health, exchange, open, routes};

const ECHO: &str = "/counterfoil.v1.Federation/Echo";

#[tokio::test]
async fn a_command_reaches_the_running_node_of_its_directory() {
    let dir = tempfile::tempdir().expect("a folder");
    let paths = socket_paths(dir.path()).expect("paths");
    let nobody = connect::socket(paths.clone(), owner(dir.path()).expect("there")).await;
    assert!(
        matches!(nobody, Err(ConnectError::NotRunning)),
        "{nobody:?}"
    );

    let socket = LocalSocket::bind(dir.path()).await.expect("binds");
    let path = socket.path().to_owned();
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(socket, routes().await, Limits::local(), async {
        let _ = stopped.await;
    }));

    let channel = connect::socket(paths.clone(), owner(dir.path()).expect("there"))
        .await
        .expect("connects");
    check_health(&channel).await.expect("served");
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    exchange(&say, &mut hear, "hello").await;
    let panic = open(&channel, "/counterfoil.v1.Federation/Panic").await;
    assert_eq!(panic.expect_err("fails").code(), Code::Internal);

    let second = LocalSocket::bind(dir.path()).await;
    assert!(
        matches!(second, Err(LocalError::InUse { .. })),
        "{second:?}"
    );

    drop((stop, say, hear, channel));
    served.await.expect("stops");
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_dead_node_is_replaced_and_other_files_are_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = socket_paths(dir.path()).expect("paths").remove(0);
    // Makes the folder, and goes.
    drop(LocalSocket::bind(dir.path()).await.expect("binds"));

    drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));
    assert!(path.exists(), "a dead node leaves its socket");
    drop(LocalSocket::bind(dir.path()).await.expect("replaces it"));

    std::fs::write(&path, "notes").expect("writes");
    let refused = LocalSocket::bind(dir.path()).await;
    assert!(
        matches!(refused, Err(LocalError::NotASocket { .. })),
        "{refused:?}"
    );
    std::fs::remove_file(&path).expect("removes");
}

#[tokio::test]
async fn without_a_node_the_same_services_answer_in_process() {
    let channel = connect::in_process(routes().await).expect("a channel");
    check_health(&channel).await.expect("served");
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    exchange(&say, &mut hear, "hello").await;
}

#[tokio::test]
async fn a_service_without_a_guard_fails_closed() {
    let bare = tonic::Request::new(());
    assert_eq!(
        Caller::of(&bare).expect_err("no caller").code(),
        Code::Internal
    );
}
