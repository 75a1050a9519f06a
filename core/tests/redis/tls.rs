//! TLS, with certificates made for the occasion.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustdb_core::error::ErrorKind;
use rustdb_core::store::{Access, Store};
use tempfile::TempDir;

use crate::contract_support::{id, in_an_hour, read, write};
use crate::nodes::Nodes;
use crate::sentinel::Sentinel;
use crate::server::{Server, machine};

fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot run openssl: {error}; install the package openssl"));
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and a certificate it gave to `names`, which serves for the client too.
fn certificates(names: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("names"), format!("subjectAltName={names}\n")).unwrap();
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj";
    openssl(path, &format!("{new} /CN=authority -x509 -days 2 -keyout ca.key -out ca.pem"));
    openssl(path, &format!("{new} /CN=other -x509 -days 2 -keyout other.key -out other.pem"));
    openssl(path, &format!("{new} /CN=localhost -keyout server.key -out server.csr"));
    openssl(
        path,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    directory
}

fn server(certificates: &Path, clients: &str) -> Server {
    let file = |name: &str| certificates.join(name).display().to_string();
    let (port, cert, key, ca) = (tls_port().to_string(), file("server.pem"), file("server.key"), file("ca.pem"));
    Server::start(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        clients,
    ])
}

fn tls_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn port(server: &Server) -> u16 {
    let (_, port): (String, u16) = redis::from_redis_value(server.tell(&["CONFIG", "GET", "tls-port"])).unwrap();
    port
}

fn url(server: &Server, host: &str, options: &str) -> String {
    format!("rediss://{host}:{}?timeout=5{options}", port(server))
}

#[test]
fn a_certificate_is_looked_at_unless_told_otherwise() {
    let made = certificates("DNS:localhost,IP:127.0.0.1");
    let file = |name: &str| made.path().join(name).display().to_string();
    let server = server(made.path(), "no");
    for host in ["localhost", "127.0.0.1"] {
        let store = machine(&url(&server, host, &format!("&ca={}", file("ca.pem"))));
        let payload = vec![b'x'; 300_000];
        write(&store, host.split('.').next().unwrap(), &payload, in_an_hour());
        assert_eq!(read(&store, host.split('.').next().unwrap()), Some(payload));
    }
    let refused = |options: &str| {
        let store = machine(&url(&server, "localhost", options));
        let error = store.begin(id("a"), Access::ReadOnly, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        error.to_string()
    };
    assert!(refused(&format!("&ca={}", file("other.pem"))).contains("certificate"));
    write(&machine(&url(&server, "localhost", "&verify=0")), "b", b"x", in_an_hour());
    // Without TLS on one side.
    let plain = machine(&url(&server, "localhost", "").replace("rediss", "redis"));
    assert_eq!(plain.begin(id("a"), Access::ReadOnly, None).unwrap_err().kind(), ErrorKind::Unreachable);
    let options = format!("?verify=0&connect_timeout=0.5&ca={}", file("ca.pem"));
    let begun = std::time::Instant::now();
    let store = machine(&(server.url().replace("redis", "rediss") + &options));
    assert_eq!(store.begin(id("a"), Access::ReadOnly, None).unwrap_err().kind(), ErrorKind::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_name_that_the_certificate_lacks_is_refused() {
    let made = certificates("DNS:elsewhere.example");
    let server = server(made.path(), "no");
    for host in ["localhost", "127.0.0.1"] {
        let store = machine(&url(&server, host, &format!("&ca={}", made.path().join("ca.pem").display())));
        let error = store.begin(id("a"), Access::ReadOnly, None).unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[test]
fn a_client_shows_its_own_certificate() {
    let made = certificates("DNS:localhost,IP:127.0.0.1");
    let file = |name: &str| made.path().join(name).display().to_string();
    let server = server(made.path(), "yes");
    let options = format!("&ca={}&cert={}&key={}", file("ca.pem"), file("server.pem"), file("server.key"));
    write(&machine(&url(&server, "localhost", &options)), "a", b"x", in_an_hour());
    let without = machine(&url(&server, "localhost", &format!("&ca={}", file("ca.pem"))));
    assert_eq!(without.begin(id("a"), Access::ReadOnly, None).unwrap_err().kind(), ErrorKind::Unreachable);
}

#[test]
fn sentinels_and_their_master_are_reached_by_tls() {
    let made = certificates("DNS:localhost,IP:127.0.0.1");
    let file = |name: &str| made.path().join(name).display().to_string();
    let server = server(made.path(), "no");
    let own = tls_port();
    let settings = format!(
        "tls-port {own}\ntls-replication yes\ntls-auth-clients no\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let _sentinel = Sentinel::start(port(&server), 1, &settings);
    for (number, url) in ["rediss+sentinel://localhost:PORT/main?", "redis+sentinel://localhost:PORT/main?tls=1&"]
        .into_iter()
        .enumerate()
    {
        let store = machine(&format!("{}ca={}", url.replace("PORT", &own.to_string()), file("ca.pem")));
        write(&store, &format!("s{number}"), b"x", in_an_hour());
    }
    assert_eq!(server.keys().len(), 2);
}

#[test]
fn all_nodes_of_a_cluster_are_reached_by_tls() {
    let made = certificates("DNS:localhost,IP:127.0.0.1");
    let file = |name: &str| made.path().join(name).display().to_string();
    let (cert, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let nodes = Nodes::start(&[
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
        "--tls-cluster",
        "yes",
        "--tls-replication",
        "yes",
    ]);
    let store = machine(&format!("rediss+cluster://localhost:{}?ca={ca}", port(&nodes.servers[0])));
    for number in 0..20 {
        write(&store, &format!("s{number}"), b"x", in_an_hour());
    }
    assert!(nodes.servers[..3].iter().all(|node| !node.keys().is_empty()));
}
