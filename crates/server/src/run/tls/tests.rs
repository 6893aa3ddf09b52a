//! Handshakes over real sockets.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use axum::routing::get;
use axum::{Extension, Router};
use axum_server::Handle;
use axum_server::tls::TlsInfo;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_domain::client::{AuthMethod, ClientPolicy};
use menshen_token::SystemClock;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client, Identity, tls};
use rustls::client::ResolvesClientCert;
use rustls::{ClientConfig, RootCertStore, sign};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::{Config, Sources};
use crate::run::listen;
use menshen_token::SystemEntropy;

/// A server that says how many certificates came with the connection.
struct Server {
    address: SocketAddr,
    certificate: String,
    handle: Handle<SocketAddr>,
    _folder: TempDir,
}

fn certified(name: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([name.to_owned()]).expect("a certificate")
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("written");
    path
}

fn start(client_certificates: bool) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let CertifiedKey { cert, signing_key } = certified("localhost");
    let tls = Tls {
        certificate: write(folder.path(), "certificate.pem", &cert.pem()),
        private_key: write(folder.path(), "key.pem", &signing_key.serialize_pem()),
        client_certificates,
    };
    let router = Router::new().route(
        "/",
        get(async |Extension(info): Extension<Arc<TlsInfo>>| {
            let first = info.peer_certificates.first().map_or(0, Vec::len);
            format!("{} {first}", info.peer_certificates.len())
        }),
    );
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let handle = Handle::new();
    listen::serve(socket, Some(&tls), router, handle.clone()).expect("serves");
    Server { address, certificate: cert.pem(), handle, _folder: folder }
}

impl Server {
    async fn ask(&self, identity: Option<&CertifiedKey<KeyPair>>) -> Option<String> {
        let root = Certificate::from_pem(self.certificate.as_bytes()).expect("a certificate");
        let mut client = Client::builder().no_proxy().tls_certs_only([root]);
        if let Some(CertifiedKey { cert, signing_key }) = identity {
            let pem = format!("{}{}", cert.pem(), signing_key.serialize_pem());
            client = client.identity(Identity::from_pem(pem.as_bytes()).expect("an identity"));
        }
        let client = client.build().expect("a client");
        let url = format!("https://localhost:{}/", self.address.port());
        client.get(url).send().await.ok()?.text().await.ok()
    }
}

#[tokio::test]
async fn a_certificate_is_asked_for_when_the_operator_wants_it() {
    let server = start(true);
    let robot = certified("robot");
    let expected = format!("1 {}", robot.cert.der().len());
    assert_eq!(server.ask(Some(&robot)).await, Some(expected));
    assert_eq!(server.ask(None).await.as_deref(), Some("0 0"), "a browser has none");
    server.handle.shutdown();
    let server = start(false);
    assert_eq!(server.ask(Some(&robot)).await.as_deref(), Some("0 0"));
    server.handle.shutdown();
}

/// Presents one certificate and signs with the key of another, which no honest library does.
#[derive(Debug)]
struct Thief(Arc<sign::CertifiedKey>);

impl ResolvesClientCert for Thief {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<sign::CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_worth_nothing_without_its_key() {
    let server = start(true);
    let (robot, thief) = (certified("robot"), certified("thief"));
    for (key, accepted) in [(&robot.signing_key, true), (&thief.signing_key, false)] {
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = aws_lc_rs::sign::any_supported_type(&key).expect("a key");
        let presented = sign::CertifiedKey::new(vec![robot.cert.der().clone()], key);
        let mut roots = RootCertStore::empty();
        let trusted = CertificateDer::from_pem_slice(server.certificate.as_bytes());
        roots.add(trusted.expect("PEM")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(Thief(Arc::new(presented))));
        let stream = TcpStream::connect(server.address).await.expect("connected");
        let connector = TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().expect("a name");
        let mut stream = connector.connect(name, stream).await.expect("our half of TLS 1.3");
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer.starts_with(b"HTTP/1.1 200"), accepted);
    }
    server.handle.shutdown();
}

#[tokio::test]
async fn old_and_odd_ciphers_are_not_spoken() {
    let suites: Vec<String> =
        provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
    let old = suites.iter().filter(|suite| !suite.starts_with("TLS13_"));
    for suite in old {
        assert!(suite.starts_with("TLS_ECDHE_") && suite.contains("_GCM_"), "{suite}");
    }
    let server = start(false);
    let root = Certificate::from_pem(server.certificate.as_bytes()).expect("a certificate");
    let client = Client::builder().no_proxy().tls_certs_only([root]);
    let client = client.tls_version_max(tls::Version::TLS_1_2).build().expect("a client");
    let url = format!("https://localhost:{}/", server.address.port());
    assert!(client.get(url).send().await.is_ok(), "TLS 1.2 is spoken");
    server.handle.shutdown();
}

#[tokio::test]
async fn a_client_proves_who_it_is_by_the_certificate_of_its_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let CertifiedKey { cert, signing_key } = certified("localhost");
    let text = |path: std::path::PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
    let flag = |key: &str, value: String| (key.to_owned(), value);
    let flags = vec![
        flag("listen", "127.0.0.1:0".to_owned()),
        flag("issuer", "https://localhost".to_owned()),
        flag("data", text(folder.path().join("data"))),
        flag("tls.certificate", text(write(folder.path(), "certificate.pem", &cert.pem()))),
        flag(
            "tls.private_key",
            text(write(folder.path(), "key.pem", &signing_key.serialize_pem())),
        ),
        flag("tls.client_certificates", "true".to_owned()),
    ];
    let config = Config::load(&Sources { flags, ..Sources::default() }).expect("valid");
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
    let running = crate::run(config, clock, entropy).await.expect("a server");
    let (robot, thief) = (certified("robot"), certified("thief"));
    let mut client = menshen_domain::Client::new(
        "robot".parse().expect("valid"),
        "Robot".to_owned(),
        ClientPolicy::default(),
        running.app.now(),
    );
    client.metadata.token_endpoint_auth_method = Some(AuthMethod::SelfSignedTlsClientAuth);
    let chain = STANDARD.encode(robot.cert.der());
    client.metadata.jwks = Some(json!({ "keys": [{ "kty": "EC", "x5c": [chain] }] }));
    running.app.store.create_client(&client).await.expect("created");
    for (identity, status) in [(&robot, 200), (&thief, 401)] {
        let pem = format!("{}{}", identity.cert.pem(), identity.signing_key.serialize_pem());
        let http = Client::builder()
            .no_proxy()
            .tls_certs_only([Certificate::from_pem(cert.pem().as_bytes()).expect("PEM")])
            .identity(Identity::from_pem(pem.as_bytes()).expect("an identity"))
            .build()
            .expect("a client");
        let url = format!("https://localhost:{}/introspect", running.address.port());
        let form = [("client_id", "robot"), ("token", "x")];
        let answer = http.post(url).form(&form).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
    }
    running.shut_down().await;
}
