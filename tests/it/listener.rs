//! A listener for peers with real sockets, a clock the test can turn, and small services.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use counterfoil::identity::{Authority, Handle, Issued, Role};
use counterfoil::model::{ConsortiumId, MemberId};
use counterfoil::rpc::connect::{self, ConnectError, PeerAddress};
use counterfoil::rpc::serve::{Door, serve};
use counterfoil::rpc::{Limits, OwnCert, TrustSource, tls};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// 2026-11-01T08:00Z
pub(crate) const NOW: u64 = 1_793_520_000;
pub(crate) const DAY: u64 = 86_400;

pub(crate) fn member(id: &str) -> MemberId {
    id.parse().expect("an id")
}

pub(crate) fn pwud() -> ConsortiumId {
    "pwud".parse().expect("an id")
}

/// Whom one side trusts, all of it to be changed by the test.
#[derive(Debug)]
pub(crate) struct Trust {
    authorities: Mutex<HashMap<MemberId, Vec<Vec<u8>>>>,
    revoked: Mutex<HashSet<[u8; 32]>>,
    now: AtomicU64,
    changes: watch::Sender<u64>,
}

impl Trust {
    pub(crate) fn of(authorities: &[&Authority], members: &[&str]) -> Arc<Self> {
        let pinned = members.iter().zip(authorities);
        Arc::new(Self {
            authorities: Mutex::new(
                pinned
                    .map(|(id, ca)| (member(id), vec![ca.cert().to_vec()]))
                    .collect(),
            ),
            revoked: Mutex::default(),
            now: AtomicU64::new(NOW),
            changes: watch::Sender::new(0),
        })
    }

    pub(crate) fn revoke(&self, issued: &Issued) {
        self.revoked
            .lock()
            .expect("lock")
            .insert(issued.spki_sha256);
        self.changes.send_modify(|n| *n += 1);
    }

    pub(crate) fn forget(&self, id: &str) {
        self.authorities.lock().expect("lock").remove(&member(id));
        self.changes.send_modify(|n| *n += 1);
    }

    pub(crate) fn pin(&self, id: &str, authority: &Authority) {
        let pinned = vec![authority.cert().to_vec()];
        let mut authorities = self.authorities.lock().expect("lock");
        authorities.insert(member(id), pinned);
        drop(authorities);
        self.changes.send_modify(|n| *n += 1);
    }

    pub(crate) fn turn_clock(&self, now: u64) {
        self.now.store(now, Ordering::SeqCst);
    }
}

impl TrustSource for Trust {
    fn consortium(&self) -> Option<ConsortiumId> {
        Some(pwud())
    }

    fn authorities(&self, member: &MemberId) -> Vec<Vec<u8>> {
        let authorities = self.authorities.lock().expect("lock");
        authorities.get(member).cloned().unwrap_or_default()
    }

    fn is_revoked(&self, _member: &MemberId, spki_sha256: &[u8; 32]) -> bool {
        self.revoked.lock().expect("lock").contains(spki_sha256)
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// A node of INPUD that listens, and ANPUD, which calls it.
pub(crate) struct World {
    pub(crate) inpud: Authority,
    pub(crate) anpud: Authority,
    /// What INPUD's node trusts.
    pub(crate) trust: Arc<Trust>,
    /// What INPUD's node shows.
    pub(crate) own: Arc<OwnCert>,
    pub(crate) address: PeerAddress,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let [inpud, anpud] =
            ["inpud", "anpud"].map(|id| Authority::generate(&member(id), NOW).expect("a key"));
        let trust = Trust::of(&[&inpud, &anpud], &["inpud", "anpud"]);
        let own = own_cert(&inpud.issue_node(&pwud(), &[], NOW).expect("issues"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("bound").port();
        let door = Door {
            tls: tls::server_config(own.clone()).expect("TLS 1.3"),
            trust: trust.clone(),
            routes: routes().await,
            limits,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, door, async {
            let _ = stopped.await;
        }));
        Self {
            inpud,
            anpud,
            trust,
            own,
            address: format!("https://127.0.0.1:{port}")
                .parse()
                .expect("an address"),
            stop: Some(stop),
            served,
        }
    }

    /// Tells the node to stop; the returned handle ends when it has.
    pub(crate) fn stop(mut self) -> tokio::task::JoinHandle<()> {
        drop(self.stop.take());
        self.served
    }

    pub(crate) fn anpud_node(&self) -> Issued {
        self.anpud.issue_node(&pwud(), &[], NOW).expect("issues")
    }

    pub(crate) fn coordinator(&self, days: f64) -> Issued {
        let role = Role::Coordinator(Handle::from_entropy([7; 10]));
        self.inpud
            .issue_grant(&pwud(), role, days, NOW)
            .expect("issues")
    }

    /// Whom the calling side trusts: its own copy, so that both sides can be changed apart.
    pub(crate) fn callers_trust(&self) -> Arc<Trust> {
        Trust::of(&[&self.inpud, &self.anpud], &["inpud", "anpud"])
    }

    pub(crate) async fn dial(&self, own: &Issued) -> Channel {
        let trust = self.callers_trust();
        self.dial_as(own_cert(own), trust, "inpud")
            .await
            .expect("connects")
    }

    pub(crate) async fn dial_as(
        &self,
        own: Arc<OwnCert>,
        trust: Arc<Trust>,
        expected: &str,
    ) -> Result<Channel, ConnectError> {
        let config = tls::client_config(own, trust, member(expected)).expect("TLS 1.3");
        connect::peer(&self.address, config).await
    }
}

pub(crate) fn own_cert(issued: &Issued) -> Arc<OwnCert> {
    let own = OwnCert::empty();
    own.swap(&issued.cert, &issued.key).expect("a pair");
    own
}

pub(crate) async fn check_health(channel: &Channel) -> Result<(), Status> {
    let mut client = HealthClient::new(channel.clone());
    let answer = client.check(HealthCheckRequest::default()).await?;
    assert_eq!(answer.into_inner().status, 1);
    Ok(())
}

/// Opens a stream to one method of the test's `Federation`, which says back what it hears.
pub(crate) async fn open(
    channel: &Channel,
    path: &'static str,
) -> Result<(tokio::sync::mpsc::Sender<HealthCheckRequest>, Echo), Status> {
    let (say, said) = tokio::sync::mpsc::channel(4);
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready()
        .await
        .map_err(|e| Status::from_error(e.into()))?;
    let said = tokio_stream::wrappers::ReceiverStream::new(said);
    let path = http::uri::PathAndQuery::from_static(path);
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
    let answer = grpc.streaming(Request::new(said), path, codec).await?;
    Ok((say, answer.into_inner()))
}

pub(crate) type Echo = Streaming<HealthCheckRequest>;

/// Says one word on a stream and hears it back.
pub(crate) async fn exchange(
    say: &tokio::sync::mpsc::Sender<HealthCheckRequest>,
    hear: &mut Echo,
    word: &str,
) {
    let service = word.to_owned();
    say.send(HealthCheckRequest { service })
        .await
        .expect("open");
    let heard = hear.message().await.expect("no error").expect("open");
    assert_eq!(heard.service, word);
}

pub(crate) async fn routes() -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("", ServingStatus::Serving)
        .await;
    Routes::new(health).add_service(Federation)
}

/// Stands where the real service will: says back, panics, or never answers.
#[derive(Clone)]
struct Federation;

impl tonic::server::NamedService for Federation {
    const NAME: &'static str = "counterfoil.v1.Federation";
}

impl tower::Service<http::Request<Body>> for Federation {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().map(str::to_owned);
        Box::pin(async move {
            match method.as_deref() {
                Some("Panic") => panic!("on purpose, at once"),
                Some("PanicLater") => Ok(http::Response::builder()
                    .header("content-type", "application/grpc")
                    .body(Body::new(PanickingBody))
                    .expect("a response")),
                Some("Never") => std::future::pending().await,
                _ => {
                    let codec = tonic_prost::ProstCodec::default();
                    let mut grpc = tonic::server::Grpc::new(codec);
                    Ok(grpc.streaming(tower::service_fn(say_back), request).await)
                }
            }
        })
    }
}

async fn say_back(heard: Request<Echo>) -> Result<Response<Echo>, Status> {
    counterfoil::rpc::Caller::of(&heard)?;
    Ok(Response::new(heard.into_inner()))
}

struct PanickingBody;

impl http_body::Body for PanickingBody {
    type Data = tonic::codegen::Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Status>>> {
        panic!("on purpose, in the middle")
    }
}
