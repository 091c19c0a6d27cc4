//! The Unix socket: how commands of the same user reach a running node.
//!
//! Nothing on it is encrypted and the passphrase crosses it, so both ends make sure of each
//! other: the socket has mode 0600 in a folder that is ours alone, the node asks the kernel for
//! the caller's user, and the command asks for the node's.

use std::fs::{DirBuilder, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;

use super::caller::Caller;
use super::limits::Limits;
use super::serve::serve_connection;

/// The longest path a socket address holds, in bytes (unix(7), less the closing zero).
const MAX_PATH: usize = 107;

/// Connections the kernel holds for us while we are busy.
const BACKLOG: u32 = 64;

/// Why the socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Something about a file failed.
    #[error("{path}: {cause}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// No folder is short enough.
    #[error("no folder for the socket has a path short enough; set XDG_RUNTIME_DIR to a short one")]
    TooLong,
    /// The folder could be somebody else's trap.
    #[error("{folder} must be a folder of this user with mode 0700; move it away", folder = .folder.display())]
    UnsafeFolder {
        /// Which folder.
        folder: PathBuf,
    },
    /// A node is already serving.
    #[error("a node already answers at {path}; stop it first", path = .path.display())]
    InUse {
        /// Which socket.
        path: PathBuf,
    },
    /// Something else lies where the socket belongs.
    #[error("{path} is not a socket; move it away", path = .path.display())]
    NotASocket {
        /// Which file.
        path: PathBuf,
    },
    /// The process that answers belongs to somebody else.
    #[error("the process at {path} belongs to user {uid}, not to this one", path = .path.display())]
    OtherUser {
        /// Which socket.
        path: PathBuf,
        /// Whose process it is.
        uid: u32,
    },
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> LocalError {
    let path = path.to_owned();
    |cause| LocalError::File { path, cause }
}

/// Returns where the node of `dir` may listen, best first: in `$XDG_RUNTIME_DIR`, else in a
/// folder of mode 0700 below the system's temporary directory, else below `/tmp`.
///
/// # Errors
/// When `dir` cannot be resolved or every path is too long for a socket.
pub fn socket_paths(dir: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let dir = dir.canonicalize().map_err(file_error(dir))?;
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let uid = rustix::process::geteuid().as_raw();
    let paths = candidates(&dir, runtime.as_deref(), &std::env::temp_dir(), uid);
    if paths.is_empty() {
        return Err(LocalError::TooLong);
    }
    Ok(paths)
}

fn candidates(dir: &Path, runtime: Option<&Path>, temp: &Path, uid: u32) -> Vec<PathBuf> {
    let digest = Sha256::digest(dir.as_os_str().as_bytes());
    let hash: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    // The XDG specification tells programs to ignore a relative path.
    let runtime = runtime.filter(|path| path.is_absolute() && path.is_dir());
    let mut paths: Vec<PathBuf> = runtime
        .map(|path| path.join(format!("counterfoil-{hash}.sock")))
        .into_iter()
        .chain([temp, Path::new("/tmp")].map(|temp| {
            temp.join(format!("counterfoil-{uid}"))
                .join(format!("{hash}.sock"))
        }))
        .filter(|path| path.as_os_str().len() <= MAX_PATH)
        .collect();
    paths.dedup();
    paths
}

/// A socket this process listens on. Its file goes when it is dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, so that a successor's file is left alone.
    file: (u64, u64),
}

impl LocalSocket {
    /// Listens for the node of `dir`. The socket of a node that died is replaced.
    ///
    /// # Errors
    /// When a node already answers there, or the place is not safe or not ours.
    pub async fn bind(dir: &Path) -> Result<Self, LocalError> {
        let path = socket_paths(dir)?
            .into_iter()
            .next()
            .ok_or(LocalError::TooLong)?;
        Self::bind_at(path).await
    }

    async fn bind_at(path: PathBuf) -> Result<Self, LocalError> {
        own_folder(&path)?;
        remove_stale(&path).await?;
        let socket = UnixSocket::new_stream().map_err(file_error(&path))?;
        socket.bind(&path).map_err(file_error(&path))?;
        // Before it listens nobody can connect, so there is no moment with a wider mode.
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))
            .map_err(file_error(&path))?;
        let listener = socket.listen(BACKLOG).map_err(file_error(&path))?;
        let file = identity_of(&path).map_err(file_error(&path))?;
        Ok(Self {
            listener,
            path,
            file,
        })
    }

    /// Returns where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        if identity_of(&self.path).is_ok_and(|file| file == self.file) {
            // If it stays, the next start finds nobody answering and removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Makes sure the folder below the temporary directory is ours alone.
///
/// `$XDG_RUNTIME_DIR` is by its specification; there the socket's own mode must do.
fn own_folder(path: &Path) -> Result<(), LocalError> {
    let uid = rustix::process::geteuid().as_raw();
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    if folder.file_name() != Some(format!("counterfoil-{uid}").as_ref()) {
        return Ok(());
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(file_error(folder)(error));
        }
        _ => {}
    }
    let meta = std::fs::symlink_metadata(folder).map_err(file_error(folder))?;
    if meta.is_dir() && meta.uid() == uid && meta.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(LocalError::UnsafeFolder {
            folder: folder.to_owned(),
        })
    }
}

async fn remove_stale(path: &Path) -> Result<(), LocalError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file_error(path)(error)),
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(LocalError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(file_error(path))
        }
        Err(error) => Err(file_error(path)(error)),
        Ok(_) => Err(LocalError::InUse {
            path: path.to_owned(),
        }),
    }
}

/// Connects to the first of `paths` that answers, none if none does. What listens there must be of
/// this user; for root, of the user whose the node's directory is: a passphrase goes over it, and
/// anybody may have put a socket into a folder all can write to.
///
/// # Errors
/// When whoever answers is of another user.
pub(super) async fn connect(
    paths: &[PathBuf],
    owner: u32,
) -> Result<Option<UnixStream>, LocalError> {
    let me = rustix::process::geteuid().as_raw();
    for path in paths {
        let Ok(stream) = UnixStream::connect(path).await else {
            continue;
        };
        let uid = stream.peer_cred().map_err(file_error(path))?.uid();
        if !may_answer(uid, me, owner) {
            return Err(LocalError::OtherUser {
                path: path.clone(),
                uid,
            });
        }
        return Ok(Some(stream));
    }
    Ok(None)
}

/// Returns whose a node's directory is.
///
/// # Errors
/// When it cannot be looked at.
pub fn owner(dir: &Path) -> Result<u32, LocalError> {
    let about = std::fs::metadata(dir).map_err(file_error(dir))?;
    Ok(about.uid())
}

/// Whether a process of user `uid` may be the node that user `me` looks for in a directory of
/// `owner`.
const fn may_answer(uid: u32, me: u32, owner: u32) -> bool {
    uid == 0 || uid == me || (me == 0 && uid == owner)
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Serves this user's commands until `shutdown`; then lets open calls end within the grace.
pub async fn serve(
    socket: LocalSocket,
    routes: Routes,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let stop = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = socket.listener.accept(), if connections.len() < limits.connections => {
                match accepted {
                    Ok((stream, _)) if is_ours(&stream) => {
                        let (routes, limits, stop) = (routes.clone(), limits.clone(), stop.subscribe());
                        connections.spawn(async move {
                            serve_connection(stream, Caller::Local, None, routes, &limits, stop).await;
                        });
                    }
                    Ok(_) => tracing::warn!("another user's process was turned away from the socket"),
                    Err(error) => {
                        tracing::warn!(%error, "local connection not accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }
    drop(socket);
    stop.send_replace(true);
    while connections.join_next().await.is_some() {}
}

fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| is_trusted(peer.uid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_gives_its_passphrase_to_the_owner_of_the_directory_alone() {
        let (root, node, other) = (0, 65_532, 1000);
        assert!(may_answer(node, root, node));
        assert!(!may_answer(other, root, node));
        assert!(may_answer(root, other, node) && may_answer(other, other, node));
        assert!(!may_answer(node, other, node));
    }

    #[test]
    fn the_path_depends_on_the_directory_and_fits_a_socket() {
        let temp = tempfile::tempdir().expect("a folder");
        let (dir, other) = (Path::new("/srv/inpud"), Path::new("/srv/anpud"));
        let paths = candidates(dir, Some(temp.path()), Path::new("/var/tmp"), 1000);
        assert_eq!(paths.len(), 3);
        assert_eq!(paths[0].parent(), Some(temp.path()));
        assert!(paths[1].starts_with("/var/tmp/counterfoil-1000"));
        assert_eq!(
            paths,
            candidates(dir, Some(temp.path()), Path::new("/var/tmp"), 1000)
        );
        assert_ne!(
            paths,
            candidates(other, Some(temp.path()), Path::new("/var/tmp"), 1000)
        );
    }

    #[test]
    fn folders_that_are_missing_relative_or_long_are_passed_over() {
        let dir = Path::new("/srv/inpud");
        let long = PathBuf::from(format!("/{}", "x".repeat(90)));
        for runtime in [
            None,
            Some(Path::new("run")),
            Some(Path::new("/no/such/folder")),
        ] {
            let paths = candidates(dir, runtime, &long, u32::MAX);
            assert_eq!(paths.len(), 1, "{runtime:?}");
            assert!(paths[0].starts_with("/tmp/counterfoil-4294967295"));
            assert!(paths[0].as_os_str().len() <= MAX_PATH);
        }
    }

    #[tokio::test]
    async fn a_folder_others_can_enter_is_not_used() {
        let uid = rustix::process::geteuid().as_raw();
        let temp = tempfile::tempdir().expect("a folder");
        let folder = temp.path().join(format!("counterfoil-{uid}"));
        std::fs::create_dir(&folder).expect("makes it");
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("opens it");
        let refused = LocalSocket::bind_at(folder.join("x.sock")).await;
        assert!(
            matches!(refused, Err(LocalError::UnsafeFolder { .. })),
            "{refused:?}"
        );

        std::fs::remove_dir(&folder).expect("removes it");
        std::os::unix::fs::symlink(temp.path(), &folder).expect("links");
        let refused = LocalSocket::bind_at(folder.join("x.sock")).await;
        assert!(
            matches!(refused, Err(LocalError::UnsafeFolder { .. })),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn a_successors_socket_is_left_alone() {
        let temp = tempfile::tempdir().expect("a folder");
        let path = temp.path().join("x.sock");
        let first = LocalSocket::bind_at(path.clone()).await.expect("binds");
        std::fs::remove_file(&path).expect("removes");
        let second = LocalSocket::bind_at(path.clone()).await.expect("binds");
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
