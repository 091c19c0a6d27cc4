//! The listener for peers: who is let in, what each may call, and what nobody may cost it.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::identity::{Authority, Issued};
use counterfoil::rpc::connect::{ConnectError, explain};
use counterfoil::rpc::hits::Limit;
use counterfoil::rpc::{Limits, OwnCert, tls};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _};

use crate::listener::{DAY, NOW, World, check_health, exchange, member, open, own_cert, pwud};

const ECHO: &str = "/counterfoil.v1.Federation/Echo";

#[track_caller]
fn refused<T>(answer: Result<T, Status>, code: Code, message: &str) {
    let Err(status) = answer else {
        panic!("was let through");
    };
    assert_eq!(status.code(), code, "{status:?}");
    assert!(status.message().contains(message), "{}", status.message());
}

/// Calls with this certificate and expects to be told why not.
async fn is_told(world: &World, own: &Issued, message: &str) {
    let channel = world.dial(own).await;
    refused(check_health(&channel).await, Code::Unauthenticated, message);
    refused(open(&channel, ECHO).await, Code::Unauthenticated, message);
}

/// A certificate of INPUD's authority with whatever is asked for.
fn odd_certificate(ca: &Authority, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Issued {
    let ca_key = PrivatePkcs8KeyDer::from(ca.key().to_vec());
    let ca_key =
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&ca_key, &rcgen::PKCS_ECDSA_P256_SHA256);
    let ca_cert = CertificateDer::from(ca.cert());
    let issuer = rcgen::Issuer::from_ca_cert_der(&ca_cert, ca_key.expect("a key")).expect("a CA");
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2026, 10, 1);
    params.not_after = rcgen::date_time_ymd(2027, 10, 1);
    change(&mut params);
    let key = rcgen::KeyPair::generate().expect("a key");
    Issued {
        cert: params
            .signed_by(&key, &issuer)
            .expect("signs")
            .der()
            .to_vec(),
        key: key.serialize_der().into(),
        not_after: 0,
        spki_sha256: [0; 32],
    }
}

fn uri(text: &str) -> Vec<rcgen::SanType> {
    vec![rcgen::SanType::URI(text.try_into().expect("a name"))]
}

#[tokio::test]
async fn a_node_may_sync_and_a_coordinator_may_not() {
    let world = World::start().await;
    let node = world.dial(&world.anpud_node()).await;
    check_health(&node).await.expect("served");
    let (say, mut hear) = open(&node, ECHO).await.expect("served");
    exchange(&say, &mut hear, "hello").await;

    let coordinator = world.dial(&world.coordinator(1.0)).await;
    check_health(&coordinator).await.expect("served");
    refused(
        open(&coordinator, ECHO).await,
        Code::PermissionDenied,
        "a coordinator may call Reports, Charters.Get and Health.Check here, not /counterfoil.v1.Federation/Echo",
    );
    for (channel, path, code) in [
        (
            &coordinator,
            "/counterfoil.v1.Reports/Query",
            Code::Unimplemented,
        ),
        (
            &coordinator,
            "/counterfoil.v1.Charters/GetCharter",
            Code::Unimplemented,
        ),
        (
            &coordinator,
            "/counterfoil.v1.Charters/Submit",
            Code::PermissionDenied,
        ),
        (
            &coordinator,
            "/grpc.health.v1.Health/Watch",
            Code::PermissionDenied,
        ),
        (
            &node,
            "/counterfoil.v1.Charters/Submit",
            Code::Unimplemented,
        ),
        (
            &node,
            "/counterfoil.v1.Reports/Query",
            Code::PermissionDenied,
        ),
        (
            &node,
            "/counterfoil.v1.Records/List",
            Code::PermissionDenied,
        ),
        (
            &node,
            "/counterfoil.v1.Admin/Unlock",
            Code::PermissionDenied,
        ),
        (&node, "/nonsense", Code::PermissionDenied),
    ] {
        refused(open(channel, path).await, code, "");
    }
}

#[tokio::test]
async fn both_ends_read_why_a_certificate_is_refused() {
    let world = World::start().await;
    let later = world.anpud.issue_node(&pwud(), &[], NOW + 10 * DAY);
    is_told(
        &world,
        &later.expect("issues"),
        "not valid before 2026-11-11",
    )
    .await;

    let liar = Authority::generate(&member("anpud"), NOW).expect("a key");
    let forged = liar.issue_node(&pwud(), &[], NOW).expect("issues");
    let message = "certificate claims to be anpud but is not signed by anpud's CA";
    is_told(&world, &forged, message).await;

    let nameless = odd_certificate(&world.anpud, |_| {});
    is_told(&world, &nameless, "carries no id").await;

    let elsewhere = world
        .anpud
        .issue_node(&"other".parse().expect("an id"), &[], NOW);
    is_told(
        &world,
        &elsewhere.expect("issues"),
        "for the consortium other",
    )
    .await;

    let server_only = odd_certificate(&world.anpud, |params| {
        params.subject_alt_names = uri("spiffe://anpud.pwud/node");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    is_told(&world, &server_only, "may not be used by a client").await;

    let grant = world.coordinator(1.0);
    world.trust.turn_clock(NOW + 2 * DAY);
    let message = "certificate expired on 2026-11-02; ask inpud to grant a new one";
    is_told(&world, &grant, message).await;

    world.trust.turn_clock(NOW);
    world.trust.forget("anpud");
    is_told(
        &world,
        &world.anpud_node(),
        "which the charter does not name",
    )
    .await;
}

#[tokio::test]
async fn revoking_ends_open_calls_and_refuses_new_ones() {
    let world = World::start().await;
    let own = world.anpud_node();
    let channel = world.dial(&own).await;
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    exchange(&say, &mut hear, "before").await;

    world.trust.revoke(&own);
    let message = "certificate was revoked by anpud";
    refused(hear.message().await, Code::Unauthenticated, message);
    is_told(&world, &own, message).await;
    // Its member's other certificates are as good as before.
    check_health(&world.dial(&world.anpud_node()).await)
        .await
        .expect("served");
}

#[tokio::test]
async fn leaving_the_charter_and_expiring_end_open_calls() {
    let limits = Limits {
        judge_every: Duration::from_millis(20),
        refused: Duration::from_millis(20),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let channel = world.dial(&world.anpud_node()).await;
    let (_say, mut hear) = open(&channel, ECHO).await.expect("served");
    world.trust.forget("anpud");
    refused(hear.message().await, Code::Unauthenticated, "does not name");

    // No call is needed for an expired certificate to be noticed.
    let grant = world.coordinator(1.0);
    let config = tls::client_config(own_cert(&grant), world.callers_trust(), member("inpud"));
    let mut idle = raw_tls(&world, config.expect("TLS 1.3"))
        .await
        .expect("connects");
    world.trust.turn_clock(NOW + 2 * DAY);
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    assert!(!rest.is_empty(), "it was connected before");
}

async fn raw_tls(
    world: &World,
    config: Arc<rustls::ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect((world.address.host(), world.address.port())).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    tokio_rustls::TlsConnector::from(config)
        .connect(name, tcp)
        .await
}

#[tokio::test]
async fn without_a_certificate_nobody_gets_past_the_handshake() {
    let world = World::start().await;
    let trust = world.callers_trust();
    let answer = match world.dial_as(OwnCert::empty(), trust, "inpud").await {
        Ok(channel) => check_health(&channel)
            .await
            .map_err(|status| explain(&status)),
        Err(error) => Err(Some(error.to_string())),
    };
    let reason = answer.expect_err("refused").expect("a reason");
    assert!(reason.contains("CertificateRequired"), "{reason}");
}

#[tokio::test]
async fn the_handshake_is_post_quantum_and_never_resumed() {
    let world = World::start().await;
    let own = own_cert(&world.anpud_node());
    let config = tls::client_config(own, world.callers_trust(), member("inpud")).expect("TLS");
    for _ in 0..2 {
        let stream = raw_tls(&world, config.clone()).await.expect("connects");
        let (_, session) = stream.get_ref();
        assert_eq!(
            session.protocol_version(),
            Some(rustls::ProtocolVersion::TLSv1_3)
        );
        let group = session.negotiated_key_exchange_group().expect("a group");
        assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(session.alpn_protocol(), Some(b"h2".as_slice()));
    }
}

#[tokio::test]
async fn the_dialling_end_says_what_is_wrong_with_the_node_it_reached() {
    #[track_caller]
    fn wrong(dialled: Result<Channel, ConnectError>, message: &str) {
        let error = dialled.expect_err("refused").to_string();
        assert!(error.contains(message), "{error}");
    }
    let world = World::start().await;
    let own = own_cert(&world.anpud_node());
    let trust = world.callers_trust();
    wrong(
        world.dial_as(own.clone(), trust.clone(), "anpud").await,
        "shows a wrong certificate: expected spiffe://anpud.pwud/node, but the certificate is \
         that of spiffe://inpud.pwud/node",
    );
    trust.turn_clock(NOW + 100 * DAY);
    wrong(
        world.dial_as(own.clone(), trust.clone(), "inpud").await,
        "certificate expired on 2027-01-30",
    );
    trust.forget("inpud");
    wrong(
        world.dial_as(own.clone(), trust.clone(), "inpud").await,
        "does not name",
    );

    let coordinator = world.coordinator(1.0);
    world
        .own
        .swap(&coordinator.cert, &coordinator.key)
        .expect("a pair");
    let trust = world.callers_trust();
    wrong(
        world.dial_as(own, trust, "inpud").await,
        "may not be used by a server",
    );
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_dropping_a_call() {
    let world = World::start().await;
    let own = own_cert(&world.anpud_node());
    let trust = world.callers_trust();
    let channel = world.dial_as(own.clone(), trust.clone(), "inpud").await;
    let (say, mut hear) = open(&channel.expect("connects"), ECHO)
        .await
        .expect("served");
    exchange(&say, &mut hear, "before").await;

    let next = world.inpud.issue_node(&pwud(), &[], NOW).expect("issues");
    // A broken pair changes nothing.
    assert!(world.own.swap(&next.cert, &world.anpud_node().key).is_err());
    assert!(world.own.swap(b"junk", &next.key).is_err());
    let again = world.dial_as(own.clone(), trust.clone(), "inpud").await;
    check_health(&again.expect("connects"))
        .await
        .expect("served");

    world.own.swap(&next.cert, &next.key).expect("a pair");
    exchange(&say, &mut hear, "after").await;
    // The caller sees the new one: it refuses exactly that.
    trust.revoke(&next);
    let error = world
        .dial_as(own, trust, "inpud")
        .await
        .expect_err("refused");
    assert!(
        error.to_string().contains("was revoked by inpud"),
        "{error}"
    );
}

#[tokio::test]
async fn three_hundred_silent_connections_are_closed_and_others_served() {
    let limits = Limits {
        connections: 120,
        handshake: Duration::from_millis(300),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let to = (world.address.host(), world.address.port());
        silent.push(TcpStream::connect(to).await.expect("connects"));
    }
    check_health(&world.dial(&world.anpud_node()).await)
        .await
        .expect("served");
    for mut stream in silent {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn a_refused_peer_that_says_nothing_is_closed() {
    let limits = Limits {
        refused: Duration::from_millis(20),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let nameless = odd_certificate(&world.anpud, |_| {});
    let config = tls::client_config(own_cert(&nameless), world.callers_trust(), member("inpud"));
    let mut stream = raw_tls(&world, config.expect("TLS 1.3"))
        .await
        .expect("connects");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn a_refused_peer_is_closed_once_told_and_may_come_back() {
    let limits = Limits {
        refused: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    world.trust.forget("anpud");
    let channel = world.dial(&world.anpud_node()).await;
    let message = "which the charter does not name";
    refused(check_health(&channel).await, Code::Unauthenticated, message);
    world.trust.pin("anpud", &world.anpud);
    // The verdict of one connection stays, so only a new one can succeed.
    while check_health(&channel).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_peer_gets_only_so_many_connections() {
    let limits = Limits {
        connections_per_peer: 2,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let own = world.anpud_node();
    let first = world.dial(&own).await;
    let second = world.dial(&own).await;
    check_health(&first).await.expect("served");
    check_health(&second).await.expect("served");
    let third = world.dial(&own).await;
    refused(
        check_health(&third).await,
        Code::ResourceExhausted,
        "spiffe://anpud.pwud/node already has 2 connections",
    );
    check_health(&world.dial(&world.coordinator(1.0)).await)
        .await
        .expect("served");
}

/// Sends one request as given and returns the HTTP and the gRPC status.
async fn raw(channel: &Channel, request: http::request::Builder) -> (u16, Option<String>) {
    let request = request.body(Body::empty()).expect("a request");
    let mut channel = channel.clone();
    let channel = channel.ready().await.expect("connected");
    let response = channel.call(request).await.expect("answered");
    let status = response.headers().get("grpc-status");
    let status = status.map(|value| value.to_str().expect("digits").to_owned());
    (response.status().as_u16(), status)
}

#[tokio::test]
async fn what_is_not_grpc_is_refused() {
    let world = World::start().await;
    let channel = world.dial(&world.anpud_node()).await;
    let post = |content_type: &str| {
        http::Request::post("/grpc.health.v1.Health/Check").header("content-type", content_type)
    };
    let refused_type = (415, Some("3".to_owned()));
    for content_type in [
        "text/html",
        "application/grpc-web",
        "application/grpcx",
        "application/json",
    ] {
        assert_eq!(
            raw(&channel, post(content_type)).await,
            refused_type,
            "{content_type}"
        );
    }
    let none = http::Request::post("/grpc.health.v1.Health/Check");
    assert_eq!(raw(&channel, none).await, refused_type);
    let get = http::Request::get("/grpc.health.v1.Health/Check");
    let get = get.header("content-type", "application/grpc");
    assert_eq!(raw(&channel, get).await, (405, Some("12".to_owned())));
    for timeout in ["", "5", "S", "123456789S", "5x", "-5S"] {
        let bad = post("application/grpc").header("grpc-timeout", timeout);
        assert_eq!(
            raw(&channel, bad).await,
            (200, Some("3".to_owned())),
            "{timeout:?}"
        );
    }
    for good in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc;x=y",
    ] {
        let (code, _) = raw(&channel, post(good).header("grpc-timeout", "5S")).await;
        assert_eq!(code, 200, "{good}");
    }
}

#[tokio::test]
async fn fifteen_kilobytes_of_headers_are_refused() {
    let world = World::start().await;
    let channel = world.dial(&world.anpud_node()).await;
    let with_header = |bytes: usize| {
        http::Request::post("/grpc.health.v1.Health/Check")
            .header("content-type", "application/grpc")
            .header("x-long", "x".repeat(bytes))
    };
    assert_eq!(raw(&channel, with_header(15 * 1024)).await.0, 431);
    assert_eq!(raw(&channel, with_header(4 * 1024)).await.0, 200);
}

#[tokio::test]
async fn a_panic_fails_one_call_and_no_other() {
    let world = World::start().await;
    let channel = world.dial(&world.anpud_node()).await;
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    let message = "the node failed on this call";
    let panic = open(&channel, "/counterfoil.v1.Federation/Panic").await;
    refused(panic, Code::Internal, message);
    let later = match open(&channel, "/counterfoil.v1.Federation/PanicLater").await {
        Ok((_say, mut hear)) => hear.message().await,
        Err(status) => Err(status),
    };
    refused(later, Code::Internal, message);
    exchange(&say, &mut hear, "same connection").await;
}

async fn connect(world: &World, own: Arc<OwnCert>) -> TlsStream<TcpStream> {
    let config = tls::client_config(own, world.callers_trust(), member("inpud"));
    let stream = raw_tls(world, config.expect("TLS 1.3")).await;
    stream.expect("connects")
}

/// Speaks HTTP/2 to the end; returns what was answered until the connection was closed.
async fn speak(world: &World, own: Arc<OwnCert>, frames: &[u8]) -> Vec<u8> {
    let (mut hear, mut say) = tokio::io::split(connect(world, own).await);
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SETTINGS].concat();
    say.write_all(&hello).await.expect("open");
    // It is closed while this is written, or once it is.
    let _broken = say.write_all(frames).await;
    let mut answer = Vec::new();
    let _end = hear.read_to_end(&mut answer).await;
    answer
}

/// RFC 9113, sections 6.5, 6.7 and, for DATA that belongs to no stream, 6.1.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7];
const STRAY_DATA: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0];

#[tokio::test]
async fn floods_close_their_connection_and_are_counted() {
    let limits = Limits {
        turn: Duration::ZERO,
        ..Limits::default()
    };
    let hits = limits.hits.clone();
    let world = World::with(limits).await;
    let own = own_cert(&world.anpud_node());
    let other = world.dial(&world.anpud_node()).await;
    for (frame, limit, closed) in [
        (PING, Limit::ControlFrames, 1),
        (SETTINGS, Limit::ControlFrames, 2),
        (STRAY_DATA, Limit::Http2, 1),
    ] {
        speak(&world, own.clone(), &frame.repeat(2_000)).await;
        assert_eq!(hits.of(limit), closed);
    }
    check_health(&other).await.expect("others are served");
}

#[tokio::test]
async fn who_was_cut_off_waits_for_a_turn_and_nobody_else_does() {
    let limits = Limits {
        turn: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let hits = limits.hits.clone();
    let world = World::with(limits).await;
    let node = world.anpud_node();
    let before = world.dial(&node).await;
    speak(&world, own_cert(&node), STRAY_DATA).await;
    let mut waiting = Vec::new();
    // One more than may wait.
    while waiting.len() < 9 {
        waiting.push(connect(&world, own_cert(&node)).await);
    }
    while hits.of(Limit::Turns) < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(hits.connections(), 1, "those that wait take nobody's seat");
    let other = world.dial(&world.coordinator(1.0)).await;
    check_health(&other).await.expect("nobody else waits");
    check_health(&before).await.expect("what was open stays so");
    assert_eq!(hits.of(Limit::Http2), 1);
}

#[tokio::test]
async fn one_member_gets_only_so_many_calls_whatever_connections_it_makes() {
    let limits = Limits {
        calls_per_peer: 2,
        ..Limits::default()
    };
    let hits = limits.hits.clone();
    let world = World::with(limits).await;
    let (one, two) = (world.anpud_node(), world.anpud_node());
    let channels = [world.dial(&one).await, world.dial(&two).await];
    let mut open_calls = Vec::new();
    for channel in &channels {
        open_calls.push(open(channel, ECHO).await.expect("there is room"));
    }
    refused(
        open(&channels[1], ECHO).await,
        Code::ResourceExhausted,
        "too many calls of this member are open",
    );
    assert_eq!((hits.of(Limit::CallsPerPeer), hits.calls()), (1, 2));
    let coordinator = world.dial(&world.coordinator(1.0)).await;
    check_health(&coordinator)
        .await
        .expect("others have their own share");
    drop(open_calls);
    while open(&channels[1], ECHO).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn handshakes_that_wait_give_way_to_those_that_come() {
    let limits = Limits {
        handshakes: 4,
        handshake: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let hits = limits.hits.clone();
    let world = World::with(limits).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        let to = (world.address.host(), world.address.port());
        silent.push(TcpStream::connect(to).await.expect("connects"));
    }
    check_health(&world.dial(&world.anpud_node()).await)
        .await
        .expect("served");
    assert!(hits.of(Limit::Handshakes) >= 36);
    let mut rest = Vec::new();
    let _closed = silent[0].read_to_end(&mut rest).await;
}

#[tokio::test]
async fn whoever_begins_most_handshakes_gives_way_first() {
    let limits = Limits {
        handshakes: 4,
        handshake: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let hits = limits.hits.clone();
    let world = World::with(limits).await;
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], world.address.port()));
    // The oldest of all, on a slow line.
    let slow = tokio::net::TcpSocket::new_v4().expect("a socket");
    slow.bind(([127, 0, 0, 2], 0).into())
        .expect("loopback is a /8");
    let mut slow = slow.connect(to).await.expect("connects");
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(TcpStream::connect(to).await.expect("connects"));
    }
    while hits.of(Limit::Handshakes) < 37 {
        tokio::task::yield_now().await;
    }
    let mut rest = Vec::new();
    let _closed = crowd[0].read_to_end(&mut rest).await;
    let heard = slow.try_read(&mut [0; 1]);
    let waits = heard.expect_err("it is neither closed nor spoken to");
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
    // It is heard whenever it speaks: what it says is no handshake, and it is told so.
    slow.write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    slow.read_to_end(&mut rest).await.expect("answered");
    assert!(!rest.is_empty(), "a TLS alert");
}

/// A handshake a second.
fn one_a_second() -> Limits {
    Limits {
        handshakes_per_second: 1,
        handshake: Duration::from_secs(3_600),
        ..Limits::default()
    }
}

/// Opens so many connections from another address of this machine, and says this on each.
async fn say_from_elsewhere(world: &World, times: usize, said: &[u8]) -> Vec<TcpStream> {
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], world.address.port()));
    let mut said_on = Vec::new();
    for _ in 0..times {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let elsewhere = ([127, 0, 0, 2], 0).into();
        socket.bind(elsewhere).expect("loopback is a /8");
        let mut stream = socket.connect(to).await.expect("connects");
        stream.write_all(said).await.expect("sent");
        said_on.push(stream);
    }
    said_on
}

#[tokio::test]
async fn whoever_does_not_finish_a_first_message_takes_nobodys_turn() {
    let world = World::with(one_a_second()).await;
    let _begun = say_from_elsewhere(&world, 100, &[22]).await;
    let to = (world.address.host(), world.address.port());
    let mut here = TcpStream::connect(to).await.expect("connects");
    here.write_all(&[22, 3, 1]).await.expect("sent");
    check_health(&world.dial(&world.anpud_node()).await)
        .await
        .expect("served");
}

/// What a handshake begins with.
fn hello(world: &World) -> Vec<u8> {
    let config = tls::client_config(
        own_cert(&world.anpud_node()),
        world.callers_trust(),
        member("inpud"),
    );
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let client = rustls::ClientConnection::new(config.expect("TLS 1.3"), name);
    let mut hello = Vec::new();
    client
        .expect("a client")
        .write_tls(&mut hello)
        .expect("written to memory");
    hello
}

/// Begins a hundred handshakes of which two are answered, and no other may begin.
async fn flood_from_elsewhere(world: &World) -> Vec<TcpStream> {
    let flood = say_from_elsewhere(world, 100, &hello(world)).await;
    for answered in &flood[..2] {
        assert_eq!(answered.peek(&mut [0]).await.ok(), Some(1));
    }
    flood
}

#[tokio::test]
async fn nobody_waits_for_a_flood_of_handshakes_from_elsewhere() {
    let world = World::with(one_a_second()).await;
    let flood = flood_from_elsewhere(&world).await;
    check_health(&world.dial(&world.anpud_node()).await)
        .await
        .expect("served");
    let waiting = |stream: &TcpStream| stream.try_read(&mut [0; 1]).is_err();
    assert!(flood.iter().filter(|stream| waiting(stream)).count() > 90);
}

#[tokio::test]
async fn whoever_hangs_up_takes_nobodys_turn() {
    let world = World::with(one_a_second()).await;
    let flood = flood_from_elsewhere(&world).await;
    // One after them, from where they come.
    let last = say_from_elsewhere(&world, 1, &hello(&world)).await;
    drop(flood);
    // The turns of all of them would take longer than a minute.
    let answer = tokio::time::timeout(Duration::from_secs(60), last[0].peek(&mut [0])).await;
    assert_eq!(answer.expect("its turn comes").ok(), Some(1));
}

#[tokio::test]
async fn a_first_message_without_end_is_not_kept() {
    let world = World::with(one_a_second()).await;
    let record = [&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..], &[0; 16_379]].concat();
    for mut endless in say_from_elsewhere(&world, 3, &record).await {
        let mut rest = Vec::new();
        let _closed = endless.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn strangers_do_not_crowd_members_out() {
    let limits = Limits {
        strangers: 1,
        refused: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let hits = limits.hits.clone();
    let world = World::with(limits).await;
    let nameless = odd_certificate(&world.anpud, |_| {});
    let connect = || async {
        let config =
            tls::client_config(own_cert(&nameless), world.callers_trust(), member("inpud"));
        raw_tls(&world, config.expect("TLS 1.3"))
            .await
            .expect("connects")
    };
    let _told = connect().await;
    while hits.connections() == 0 {
        tokio::task::yield_now().await;
    }
    let mut rest = Vec::new();
    let _closed = connect().await.read_to_end(&mut rest).await;
    assert_eq!(hits.of(Limit::Strangers), 1);
    check_health(&world.dial(&world.anpud_node()).await)
        .await
        .expect("served");
}

#[tokio::test]
async fn bytes_that_are_no_message_are_the_callers_fault() {
    let world = World::start().await;
    let channel = world.dial(&world.anpud_node()).await;
    let cases: [&[u8]; 4] = [
        &[0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff],
        &[7, 0, 0, 0, 0],
        &[0, 0, 0, 0, 9, 1],
        &[],
    ];
    for bytes in cases {
        let request = http::Request::post("/grpc.health.v1.Health/Check")
            .header("content-type", "application/grpc")
            .body(Body::new(http_body_util::Full::new(
                tonic::codegen::Bytes::from_static(bytes),
            )))
            .expect("a request");
        let mut channel = channel.clone();
        let channel = channel.ready().await.expect("connected");
        let response = channel.call(request).await.expect("answered");
        let status = Status::from_header_map(response.headers()).expect("a status");
        assert_eq!(
            status.code(),
            Code::InvalidArgument,
            "{bytes:?}: {status:?}"
        );
    }
}

/// Set in a process that this test starts of itself: what watches panics does so for all of it.
const WITHIN: &str = "COUNTERFOIL_TEST_PANICS";

#[tokio::test]
async fn panics_are_counted_and_logged_without_their_words() {
    if std::env::var_os(WITHIN).is_none() {
        let name = "tls::panics_are_counted_and_logged_without_their_words";
        let test = std::env::current_exe().expect("this test");
        let mut within = std::process::Command::new(test);
        within
            .args(["--exact", name, "--nocapture"])
            .env(WITHIN, "1");
        let output = within.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        assert!(!said.contains("on purpose"), "{said}");
        return;
    }
    counterfoil::cli::trace::watch_panics();
    let world = World::start().await;
    let channel = world.dial(&world.anpud_node()).await;
    for (before, call) in [(0, "/Panic"), (1, "/PanicLater")] {
        assert_eq!(counterfoil::cli::trace::panics(), before);
        let path = match call {
            "/Panic" => "/counterfoil.v1.Federation/Panic",
            _ => "/counterfoil.v1.Federation/PanicLater",
        };
        let answer = match open(&channel, path).await {
            Ok((_say, mut hear)) => hear.message().await,
            Err(status) => Err(status),
        };
        refused(answer, Code::Internal, "under request_id");
    }
    assert_eq!(counterfoil::cli::trace::panics(), 2);
    check_health(&channel).await.expect("the node lives");
}

#[tokio::test]
async fn the_request_timeout_covers_heads_and_leaves_streams_alone() {
    let limits = Limits {
        request: Some(Duration::from_millis(400)),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let channel = world.dial(&world.anpud_node()).await;
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    exchange(&say, &mut hear, "one").await;
    // Twice the timeout passes while these are waited for.
    for _ in 0..2 {
        let never = open(&channel, "/counterfoil.v1.Federation/Never").await;
        refused(never, Code::Cancelled, "Timeout expired");
    }
    exchange(&say, &mut hear, "two").await;
}

#[tokio::test]
async fn a_stream_on_which_nobody_speaks_is_ended() {
    let limits = Limits {
        silence: Some(Duration::from_millis(200)),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let channel = world.dial(&world.anpud_node()).await;
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    exchange(&say, &mut hear, "last words").await;
    refused(
        hear.message().await,
        Code::DeadlineExceeded,
        "nothing was said",
    );
    check_health(&channel).await.expect("served");
}

#[tokio::test]
async fn an_old_connection_is_left_and_dialled_anew() {
    let limits = Limits {
        age: Some(Duration::from_millis(200)),
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let channel = world.dial(&world.anpud_node()).await;
    let (_say, mut hear) = open(&channel, ECHO).await.expect("served");
    hear.message().await.expect_err("cut after age and grace");
    check_health(&channel).await.expect("dialled anew");
}

#[tokio::test]
async fn stopping_lets_open_calls_end() {
    let world = World::start().await;
    let channel = world.dial(&world.anpud_node()).await;
    let (say, mut hear) = open(&channel, ECHO).await.expect("served");
    exchange(&say, &mut hear, "before").await;
    let to = (world.address.host().to_owned(), world.address.port());
    let stopped = world.stop();
    // The listener closes at once.
    while TcpStream::connect(to.clone()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    exchange(&say, &mut hear, "after").await;
    drop(say);
    assert!(hear.message().await.expect("a proper end").is_none());
    stopped.await.expect("stops");
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let limits = Limits {
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let channel = world.dial(&world.anpud_node()).await;
    let (_say, mut hear) = open(&channel, ECHO).await.expect("served");
    world.stop().await.expect("stops");
    hear.message().await.expect_err("cut");
    let status = check_health(&channel).await.expect_err("nobody listens");
    let reason = explain(&status).expect("a reason");
    assert!(reason.contains("cannot be reached"), "{reason}");
}
