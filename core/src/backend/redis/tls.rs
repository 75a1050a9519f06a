//! TLS to the server, by rustls.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::{Error, ErrorKind, Result};
use crate::server::{Address, Server};

/// The options of a URL that are read here.
pub const OPTIONS: [&str; 4] = ["ca", "cert", "key", "verify"];

/// How to encrypt, if the URL says so; `None`: not at all. [`super::Redis::open`] tells what the options mean.
///
/// # Errors
/// [`ErrorKind::Config`], or that of reading a file.
pub fn config(server: &Server) -> Result<Option<Arc<ClientConfig>>> {
    if !server.tls {
        return match OPTIONS.iter().find(|name| server.option(name).is_some()) {
            Some(name) => Err(wrong(format!("has the option \"{name}\", which is for TLS; write rediss://"))),
            None => Ok(None),
        };
    }
    if matches!(server.address, Address::Unix(_)) {
        return Err(wrong("asks for TLS on a unix socket, which needs none; write redis+unix:///SOCKET".to_owned()));
    }
    let verify = match server.option("verify") {
        None | Some("1") => true,
        Some("0") => false,
        Some(other) => return Err(wrong(format!("has verify={other}; it takes 1 or 0"))),
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::new(ErrorKind::Internal, format!("cannot set up TLS: {cause}")))?;
    let builder = match verify {
        true => builder.with_root_certificates(roots(server)?),
        false => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
    };
    let config = match (server.option("cert"), server.option("key")) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "cert")?;
            let key = PrivateKeyDer::from_pem_reader(open(key, "key")?)
                .map_err(|cause| wrong(format!("names {key} as key, which is no private key in PEM: {cause}")))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|cause| wrong(format!("names a cert and a key that cannot be used: {cause}")))?
        }
        _ => return Err(wrong("has only one of cert= and key=; they belong together".to_owned())),
    };
    Ok(Some(Arc::new(config)))
}

fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Config, format!("rustdb.store {what}"))
}

fn open(path: &str, option: &str) -> Result<File> {
    File::open(Path::new(path))
        .map_err(|cause| Error::io(format_args!("cannot read {path}, which rustdb.store names as {option}"), &cause))
}

fn certificates(path: &str, option: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read: std::result::Result<Vec<_>, _> = CertificateDer::pem_reader_iter(open(path, option)?).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(wrong(format!("names {path} as {option}, and there is no certificate in PEM in it"))),
        Err(cause) => Err(wrong(format!("names {path} as {option}, which is damaged: {cause}"))),
    }
}

fn roots(server: &Server) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = server.option("ca") {
        for certificate in certificates(path, "ca")? {
            roots
                .add(certificate)
                .map_err(|cause| wrong(format!("names {path} as ca, which cannot be used: {cause}")))?;
        }
        return Ok(roots);
    }
    // A system may have some that rustls does not take; what counts is that there are any.
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    match roots.is_empty() {
        true => Err(wrong(format!(
            "asks for TLS to {server}, but this system trusts nobody; install the package ca-certificates, or name a \
             file with ca="
        ))),
        false => Ok(roots),
    }
}

/// Takes every certificate; whoever sends it must at least have its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
