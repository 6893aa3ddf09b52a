//! Requests to real sockets, and to where no request may go.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

/// A server that gives one answer to everybody, and counts them.
struct Peer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

/// Serves one answer over plain HTTP, or over TLS.
async fn serve(answer: String, tls: Option<TlsAcceptor>) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let (answer, tls) = (answer.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            reply(stream, &answer).await;
                        }
                    }
                    None => reply(stream, &answer).await,
                }
            });
        }
    });
    Peer { address, asked }
}

async fn reply(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    answer: &str,
) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn ok() -> String {
    answer("200 OK\r\ncontent-type: Application/JSON; charset=utf-8", "{}")
}

fn settings(networks: &[&str]) -> OutboundSettings {
    let networks = networks.iter().map(|network| network.parse().expect("a network"));
    OutboundSettings { allowed_networks: networks.collect(), ca: None }
}

fn open(networks: &[&str]) -> Outbound {
    Outbound::open(&settings(networks)).expect("a door")
}

/// A door whose names resolve as the table says.
fn with_names(networks: &[&str], names: &[(&str, &[&str])]) -> Outbound {
    let addresses = |texts: &&[&str]| -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    };
    let names: HashMap<String, Vec<IpAddr>> =
        names.iter().map(|(name, texts)| ((*name).to_owned(), addresses(texts))).collect();
    let lookup: Lookup = Arc::new(move |name| {
        let found = names.get(&name).cloned().ok_or_else(|| std::io::Error::other("unknown"));
        Box::pin(async move { found })
    });
    Outbound::with_lookup(&settings(networks), &lookup).expect("a door")
}

async fn verdict(outbound: &Outbound, url: &str) -> String {
    match outbound.get(&url.parse().expect("a URL"), "application/json").await {
        Ok(fetched) => format!("{} {}", fetched.status.as_u16(), fetched.media_type),
        Err(refused) => refused.to_string(),
    }
}

#[tokio::test]
async fn nothing_of_ours_is_reached_unless_the_operator_allows_it() {
    let host = serve(ok(), None).await;
    let port = host.address.port();
    let outbound = open(&[]);
    let private = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://LOCALHOST.:{port}/"),
        format!("http://x.localhost:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://0:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::ffff:7f00:1]:{port}/"),
        format!("https://[64:ff9b::7f00:1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
    ];
    for url in private {
        let verdict = verdict(&outbound, &url).await;
        let telling = ["the address is not public", "the host has no public address"];
        // A resolver need not know every spelling of `localhost`.
        let odd = url.contains("x.localhost") || url.contains("LOCALHOST.");
        let unknown = odd && verdict == "no usable answer";
        assert!(unknown || telling.contains(&verdict.as_str()), "{url}: {verdict}");
    }
    assert_eq!(host.asked.load(Ordering::SeqCst), 0);
    let allowed = open(&["127.0.0.0/8"]);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/");
        assert_eq!(verdict(&allowed, &url).await, "200 application/json");
    }
}

#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    let names: &[(&str, &[&str])] = &[("localhost", &["8.8.8.8"]), ("rp.example", &["127.0.0.1"])];
    let outbound = with_names(&["0.0.0.0/0"], names);
    assert_eq!(verdict(&outbound, "http://rp.example/").await, "a URL here is https");
    assert_eq!(verdict(&outbound, "http://8.8.8.8/").await, "a URL here is https");
    assert_eq!(verdict(&outbound, "http://localhost/").await, "the host has no public address");
    assert_eq!(verdict(&outbound, "ftp://rp.example/").await, "a URL here is https");
    assert_eq!(verdict(&outbound, "data:,x").await, "a URL here names a host");
    let credentials = verdict(&outbound, "https://u:p@rp.example/").await;
    assert_eq!(credentials, "a URL here carries no credentials");
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to_each_time() {
    let host = serve(ok(), None).await;
    let forbidden = "the host has no public address";
    for private in ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "fd00::1", "64:ff9b::7f00:1"] {
        let outbound = with_names(&[], &[("rp.example", &[private])]);
        let url = format!("https://rp.example:{}/", host.address.port());
        assert_eq!(verdict(&outbound, &url).await, forbidden, "{private}");
    }
    // The first answer is public, as whoever looks before leaping would see it; the second not.
    let turns = Arc::new(AtomicUsize::new(0));
    let lookup: Lookup = Arc::new(move |_| {
        let first = turns.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { Ipv4Addr::new(192, 0, 1, 1) } else { Ipv4Addr::LOCALHOST };
        Box::pin(async move { Ok(vec![IpAddr::V4(address)]) })
    });
    let _ = lookup("rp.example".to_owned()).await;
    let outbound = Outbound::with_lookup(&settings(&[]), &lookup).expect("a door");
    let url = format!("https://rp.example:{}/", host.address.port());
    assert_eq!(verdict(&outbound, &url).await, forbidden);
    assert_eq!(host.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let inner = serve(ok(), None).await;
    let head = format!("302 Found\r\nlocation: http://{}/", inner.address);
    let outer = serve(answer(&head, ""), None).await;
    let outbound = open(&["127.0.0.0/8"]);
    assert_eq!(verdict(&outbound, &format!("http://{}/", outer.address)).await, "302 ");
    assert_eq!(inner.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_has_an_end() {
    let outbound = open(&["127.0.0.0/8"]);
    let whole = serve(answer("200 OK", &"x".repeat(MAX_ANSWER_BYTES)), None).await;
    assert_eq!(verdict(&outbound, &format!("http://{}/", whole.address)).await, "200 ");
    let long = "x".repeat(MAX_ANSWER_BYTES + 1);
    let announced = serve(answer("200 OK", &long), None).await;
    let silent = serve(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{long}"), None).await;
    for host in [announced, silent] {
        let url = format!("http://{}/", host.address);
        assert_eq!(verdict(&outbound, &url).await, "the answer is too long");
    }
}

#[tokio::test]
async fn only_a_certificate_that_is_trusted_is_believed() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["rp.example".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate and its key");
    let host = serve(ok(), Some(TlsAcceptor::from(Arc::new(tls)))).await;
    let names: &[(&str, &[&str])] = &[("rp.example", &["127.0.0.1"])];
    let url = format!("https://rp.example:{}/", host.address.port());
    let strange = with_names(&["127.0.0.0/8"], names);
    assert_eq!(verdict(&strange, &url).await, "no usable answer");

    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, cert.pem()).expect("written");
    let settings = OutboundSettings { ca: Some(ca.clone()), ..settings(&["127.0.0.0/8"]) };
    let lookup: Lookup =
        Arc::new(|_| Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) }));
    let trusting = Outbound::with_lookup(&settings, &lookup).expect("a door");
    assert_eq!(verdict(&trusting, &url).await, "200 application/json");
    let other = url.replace("rp.example", "other.example");
    assert_eq!(verdict(&trusting, &other).await, "no usable answer");

    std::fs::write(&ca, "no certificate").expect("written");
    assert!(matches!(Outbound::open(&settings), Err(OutboundError::NoCertificate(_))));
    std::fs::remove_file(&ca).expect("removed");
    assert!(matches!(Outbound::open(&settings), Err(OutboundError::Unreadable(..))));
}
