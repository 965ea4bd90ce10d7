//! Handshakes and sessions against a server session of rustls, in memory.

use std::sync::Arc;

use proptest::prelude::{any, proptest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::ServerConnection;
use rustls::{HandshakeKind, ServerConfig, SupportedCipherSuite, crypto};

use super::context::Context;
use super::handshake::{Handshake, Step};
use super::record::PLAIN_MAX_BYTES;
use super::session::Session;
use super::*;
use crate::plan::{ClientCertificate, HttpOptions, Insecure, TlsVersion};

/// An authority of our own.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server for these names, with a certificate of the authority or of its own making.
fn server(
    params: CertificateParams,
    issuer: Option<&CertifiedIssuer<'static, KeyPair>>,
    suites: Vec<SupportedCipherSuite>,
) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let provider = crypto::CryptoProvider { cipher_suites: suites, ..crypto::ring::default_provider() };
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

fn all_suites() -> Vec<SupportedCipherSuite> {
    crypto::ring::ALL_CIPHER_SUITES.to_vec()
}

fn options(authority: &CertifiedIssuer<'static, KeyPair>) -> HttpOptions {
    let mut options = HttpOptions::default();
    options.tls.roots = vec![authority.pem()];
    options
}

/// Shakes hands in memory.
fn shake(
    mut handshake: Handshake,
    config: Arc<ServerConfig>,
) -> (Result<Session, TlsError>, ServerConnection, Result<(), rustls::Error>) {
    let mut server = ServerConnection::new(config).unwrap();
    let mut verdict = Ok(());
    loop {
        let step = match handshake.step() {
            Ok(Step::Done) => return (handshake.finish(), server, verdict),
            Ok(step) => step,
            Err(error) => {
                let mut alert = handshake.outgoing();
                let _ = server.read_tls(&mut alert);
                verdict = server.process_new_packets().map(drop);
                return (Err(error), server, verdict);
            }
        };
        if step == Step::Send {
            let sent = server.read_tls(&mut handshake.outgoing()).unwrap();
            handshake.sent(sent);
            verdict = verdict.and(server.process_new_packets().map(drop));
            continue;
        }
        let mut flight = Vec::new();
        server.write_tls(&mut flight).unwrap();
        if flight.is_empty() {
            return (Err(handshake.ended()), server, verdict);
        }
        if let Err(error) = handshake.received(&flight) {
            return (Err(error), server, verdict);
        }
    }
}

fn connect(context: &Context, config: ServerConfig) -> (Session, ServerConnection) {
    let (session, server, verdict) =
        shake(context.begin("a.test", &[b"http/1.1"]).unwrap(), Arc::new(config));
    verdict.unwrap();
    (session.unwrap(), server)
}

fn refused(context: &Context, host: &str, config: ServerConfig) -> TlsError {
    shake(context.begin(host, &[b"http/1.1"]).unwrap(), Arc::new(config)).0.unwrap_err()
}

/// What the server has to say, in records.
fn from_server(server: &mut ServerConnection, data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut records = Vec::new();
    for piece in data.chunks(PLAIN_MAX_BYTES) {
        server.writer().write_all(piece).unwrap();
        while server.wants_write() {
            server.write_tls(&mut records).unwrap();
        }
    }
    while server.wants_write() {
        server.write_tls(&mut records).unwrap();
    }
    records
}

/// What the server reads of these records.
fn to_server(server: &mut ServerConnection, mut records: &[u8]) -> Result<Vec<u8>, rustls::Error> {
    use std::io::Read as _;
    let mut data = Vec::new();
    while !records.is_empty() {
        server.read_tls(&mut records).unwrap();
        server.process_new_packets()?;
        let _ = server.reader().read_to_end(&mut data);
    }
    Ok(data)
}

/// What a session makes of records that come in pieces of so many bytes, read into a buffer as a worker has it.
fn receive(session: &mut Session, records: &[u8], piece: usize) -> Result<Vec<u8>, TlsError> {
    let mut data = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    for piece in records.chunks(piece) {
        let kept = session.partial_len();
        buffer[kept..kept + piece.len()].copy_from_slice(piece);
        session.restore(&mut buffer);
        let length = session.open(&mut buffer, kept + piece.len())?;
        data.extend_from_slice(&buffer[..length]);
    }
    Ok(data)
}

#[test]
fn data_goes_both_ways_under_every_suite_however_it_is_cut() {
    let authority = authority("Ours");
    let mut seen = 0;
    for suite in all_suites() {
        // rcgen's keys are of P-256: the suites that want RSA's have the same records.
        if format!("{:?}", suite.suite()).contains("_RSA_") {
            continue;
        }
        seen += 1;
        let context = Context::new(&options(&authority)).unwrap();
        let (mut session, mut server) =
            connect(&context, server(named("a.test"), Some(&authority), vec![suite]));
        let version = if suite.tls13().is_some() { "tls1.3" } else { "tls1.2" };
        assert_eq!(session.negotiated().version(), version);
        assert!(session.negotiated().cipher_suite.starts_with("TLS_"), "{:?}", session.negotiated());
        for length in [1, 100, PLAIN_MAX_BYTES - 1, PLAIN_MAX_BYTES, PLAIN_MAX_BYTES + 1, 100_000] {
            let data: Vec<u8> = (0..length).map(|at: usize| at.to_le_bytes()[at % 3]).collect();
            let (head, body) = data.split_at(length / 3);
            let mut records = Vec::new();
            session.seal(head, body, &mut records).unwrap();
            assert_eq!(to_server(&mut server, &records).unwrap(), data, "{suite:?} {length}");
            for piece in [40_000, 4096, 7, 1] {
                let records = from_server(&mut server, &data);
                assert_eq!(
                    receive(&mut session, &records, piece).unwrap(),
                    data,
                    "{suite:?} {length} {piece}"
                );
                assert!(session.is_quiet(), "nothing is left over");
            }
        }
    }
    assert_eq!(seen, 6, "three ciphers in two versions");
}

#[test]
fn a_small_buffer_gets_all_in_turn() {
    let authority = authority("Ours");
    let context = Context::new(&options(&authority)).unwrap();
    let (mut session, mut server) =
        connect(&context, server(named("a.test"), Some(&authority), all_suites()));
    let data = vec![7; 20_000];
    let records = from_server(&mut server, &data);
    let mut taken = Vec::new();
    for chunk in records.chunks(1000) {
        session.absorb(chunk).unwrap();
        let mut buffer = [0; 300];
        loop {
            let length = session.take(&mut buffer).unwrap();
            if length == 0 {
                break;
            }
            taken.extend_from_slice(&buffer[..length]);
        }
    }
    assert_eq!(taken, data);
    assert!(session.is_quiet());
}

#[test]
fn an_idle_session_holds_its_keys_and_no_buffers() {
    let authority = authority("Ours");
    let context = Context::new(&options(&authority)).unwrap();
    let (mut session, mut server) =
        connect(&context, server(named("a.test"), Some(&authority), all_suites()));
    let records = from_server(&mut server, &vec![7; 100_000]);
    for piece in [1, 1000, 40_000] {
        let records = if piece == 1 { records.clone() } else { from_server(&mut server, &vec![7; 100_000]) };
        assert_eq!(receive(&mut session, &records, piece).unwrap().len(), 100_000);
        assert_eq!(session.held_bytes(), 0, "{piece}");
    }
    assert!(size_of::<Session>() <= 2048, "{}", size_of::<Session>());
}

#[test]
fn a_session_is_taken_up_again_unless_that_is_off() {
    let authority = authority("Ours");
    for (resumption, kind) in [(true, HandshakeKind::Resumed), (false, HandshakeKind::Full)] {
        for suite in [&all_suites()[..3], &all_suites()[3..]] {
            let mut options = options(&authority);
            options.tls.resumption = resumption;
            let context = Context::new(&options).unwrap();
            let config = server(named("a.test"), Some(&authority), suite.to_vec());
            let config = Arc::new(config);
            let begin = || context.begin("a.test", &[b"http/1.1"]).unwrap();
            let (session, mut server, _) = shake(begin(), Arc::clone(&config));
            // TLS 1.3's tickets come behind the handshake: the record layer here hands them to rustls.
            let tickets = from_server(&mut server, b"answer");
            assert_eq!(receive(&mut session.unwrap(), &tickets, 100).unwrap(), b"answer");
            let (session, server, _) = shake(begin(), config);
            assert_eq!(server.handshake_kind(), Some(kind));
            session.unwrap();
        }
    }
}

#[test]
fn keys_are_renewed_before_they_wear_out_and_when_the_server_renews_its_own() {
    let authority = authority("Ours");
    let context = Context::new(&options(&authority)).unwrap();
    let (mut session, mut server) =
        connect(&context, server(named("a.test"), Some(&authority), all_suites()));
    assert_eq!(session.negotiated().version(), "tls1.3");
    for round in 0..20_u8 {
        session.wear_after(3);
        for _ in 0..5 {
            let mut records = Vec::new();
            session.seal(&[round; 30], &[], &mut records).unwrap();
            assert_eq!(to_server(&mut server, &records).unwrap(), [round; 30]);
        }
        server.refresh_traffic_keys().unwrap();
        let records = from_server(&mut server, &[round; 9]);
        assert_eq!(receive(&mut session, &records, 5).unwrap(), [round; 9]);
    }
}

#[test]
fn tls12_ends_where_its_key_does() {
    let authority = authority("Ours");
    let mut options = options(&authority);
    options.tls.max_version = TlsVersion::Tls12;
    let context = Context::new(&options).unwrap();
    let (mut session, _server) = connect(&context, server(named("a.test"), Some(&authority), all_suites()));
    session.wear_after(1);
    session.seal(b"one", &[], &mut Vec::new()).unwrap();
    let error = session.seal(b"two", &[], &mut Vec::new()).unwrap_err();
    assert_eq!(error, TlsError::Worn { host: "a.test".into() });
}

#[test]
fn the_servers_goodbye_is_no_cut_and_ours_reaches_it() {
    let authority = authority("Ours");
    let context = Context::new(&options(&authority)).unwrap();
    let config = || server(named("a.test"), Some(&authority), all_suites());
    let (mut session, mut server) = connect(&context, config());
    server.send_close_notify();
    let records = from_server(&mut server, &[]);
    assert_eq!(receive(&mut session, &records, 1000).unwrap(), b"");
    session.cut();
    assert!(session.has_ended() && !session.is_cut() && !session.is_quiet());
    let mut word = Vec::new();
    session.seal_close(&mut word);
    server.read_tls(&mut &word[..]).unwrap();
    assert!(server.process_new_packets().unwrap().peer_has_closed());

    let (mut session, _server) = connect(&context, config());
    session.cut();
    assert!(session.has_ended() && session.is_cut());
}

#[test]
fn a_record_that_was_changed_is_refused_behind_the_data_before_it() {
    let authority = authority("Ours");
    for suites in [&all_suites()[..3], &all_suites()[3..]] {
        let context = Context::new(&options(&authority)).unwrap();
        let (mut session, mut server) =
            connect(&context, server(named("a.test"), Some(&authority), suites.to_vec()));
        let mut records = from_server(&mut server, b"whole");
        let from = records.len();
        records.extend(from_server(&mut server, b"changed"));
        let last = records.len() - 1;
        records[last] ^= 1;
        assert!(from > 0);
        let mut buffer = records.clone();
        buffer.resize(64 << 10, 0);
        let length = session.open(&mut buffer, records.len()).unwrap();
        assert_eq!(&buffer[..length], b"whole");
        let error = session.take(&mut buffer).unwrap_err().to_string();
        assert!(error.contains("was changed on the way"), "{error}");
    }
}

#[test]
fn an_alert_after_the_handshake_says_what_the_server_wants() {
    let authority = authority("Ours");
    let key = KeyPair::generate().unwrap();
    let params = named("a.test");
    let certificate = params.signed_by(&key, &authority).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);

    // Nothing shown: the client is done when the server objects.
    let context = Context::new(&options(&authority)).unwrap();
    let (session, mut server, verdict) = shake(context.begin("a.test", &[]).unwrap(), Arc::clone(&config));
    verdict.unwrap_err();
    let mut alert = Vec::new();
    server.write_tls(&mut alert).unwrap();
    let error = receive(&mut session.unwrap(), &alert, 1000).unwrap_err();
    assert_eq!(error, TlsError::CertificateRequired { host: "a.test".into() });

    // Shown, and only to whom it is meant for.
    let own = KeyPair::generate().unwrap();
    let shown = named("user.test").signed_by(&own, &authority).unwrap();
    for (domain, is_let_in) in [("a.test", true), ("*.test", true), ("b.test", false)] {
        let mut options = options(&authority);
        options.tls.certificates = vec![ClientCertificate {
            domains: vec![domain.to_owned()],
            cert: shown.pem(),
            key: own.serialize_pem(),
        }];
        let context = Context::new(&options).unwrap();
        let (_, _, verdict) = shake(context.begin("a.test", &[]).unwrap(), Arc::clone(&config));
        assert_eq!(verdict.is_ok(), is_let_in, "{domain}");
    }

    // Signed by somebody else.
    let stranger = self::authority("Stranger");
    let shown = named("user.test").signed_by(&own, &stranger).unwrap();
    let mut options = options(&authority);
    let (cert, key) = (shown.pem(), own.serialize_pem());
    options.tls.certificates = vec![ClientCertificate { domains: Vec::new(), cert, key }];
    let context = Context::new(&options).unwrap();
    let (session, mut server, _) = shake(context.begin("a.test", &[]).unwrap(), config);
    let mut alert = Vec::new();
    server.write_tls(&mut alert).unwrap();
    let error = receive(&mut session.unwrap(), &alert, 1000).unwrap_err().to_string();
    assert!(error.starts_with("`a.test` refused the client certificate ("), "{error}");
}

/// Names each kind of certificate that is refused, with what is said of it.
#[test]
fn a_refused_certificate_is_told_with_what_to_do() {
    let ours = authority("Ours");
    let stranger = authority("Stranger & Co");
    let context = Context::new(&options(&ours)).unwrap();
    let refuse = |host, params, issuer| {
        let error = refused(&context, host, server(params, issuer, all_suites()));
        (error.error_code(), error.to_string())
    };

    let mut expired = named("a.test");
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 3, 4);
    let (code, said) = refuse("a.test", expired, Some(&ours));
    assert_eq!(code, 1300);
    assert!(said.starts_with("the certificate of `a.test` expired on 2002-03-04: renew it"), "{said}");

    let mut early = named("a.test");
    early.not_before = rcgen::date_time_ymd(2999, 1, 2);
    early.not_after = rcgen::date_time_ymd(3000, 1, 1);
    let (code, said) = refuse("a.test", early, Some(&ours));
    assert_eq!(code, 1300);
    assert!(said.starts_with("the certificate of `a.test` is not valid before 2999-01-02"), "{said}");

    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut own = named("a.test");
        own.is_ca = is_ca;
        own.distinguished_name.push(DnType::CommonName, "me myself");
        let (code, said) = refuse("a.test", own, None);
        assert_eq!(code, 1310);
        assert!(said.starts_with("the certificate of `a.test` is self-signed (by `me myself`)"), "{said}");
    }

    // An authority of the name that it gives itself changes nothing.
    let mut namesake = named("a.test");
    namesake.distinguished_name.push(DnType::CommonName, "Ours");
    let (_, said) = refuse("a.test", namesake, None);
    assert!(said.starts_with("the certificate of `a.test` is self-signed (by `Ours`)"), "{said}");

    let (code, said) = refuse("a.test", named("a.test"), Some(&stranger));
    assert_eq!(code, 1310);
    let expected = "the certificate of `a.test` is signed by an unknown authority (`Stranger & Co`)";
    assert!(said.starts_with(expected), "{said}");

    let several = ["b.test", "*.c.test", "127.0.0.1"].map(str::to_owned);
    let (code, said) = refuse("a.test", CertificateParams::new(several).unwrap(), Some(&ours));
    assert_eq!(code, 1311);
    let expected =
        "the certificate is for `b.test`, `*.c.test` and `127.0.0.1`, not for `a.test`: call a host";
    assert!(said.starts_with(expected), "{said}");
    let (code, _) =
        refuse("127.0.0.2", CertificateParams::new(["127.0.0.1".to_owned()]).unwrap(), Some(&ours));
    assert_eq!(code, 1311);

    let mut for_clients = named("a.test");
    for_clients.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
    let (code, said) = refuse("a.test", for_clients, Some(&ours));
    assert_eq!(code, 1300);
    assert!(said.contains("not meant for servers"), "{said}");
}

#[test]
fn a_server_is_told_why_it_is_refused() {
    let config = server(named("a.test"), Some(&authority("Stranger")), all_suites());
    let context = Context::default();
    let (session, _, verdict) = shake(context.begin("a.test", &[]).unwrap(), Arc::new(config));
    session.unwrap_err();
    assert!(matches!(verdict, Err(rustls::Error::AlertReceived(_))), "{verdict:?}");
}

#[test]
fn a_certificate_is_let_through_where_the_run_says_so_and_nowhere_else() {
    let config = || {
        let mut params = named("other.test");
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        server(params, None, all_suites())
    };
    let hosts = |names: &[&str]| Insecure::Hosts(names.iter().map(|&name| name.to_owned()).collect());
    for (insecure, is_let_through) in [
        (Insecure::None, false),
        (Insecure::All, true),
        (hosts(&["b.test", "A.test"]), true),
        (hosts(&["*.test"]), true),
        (hosts(&["b.test"]), false),
    ] {
        let context =
            Context::new(&HttpOptions { insecure: insecure.clone(), ..HttpOptions::default() }).unwrap();
        let (session, ..) = shake(context.begin("a.test", &[]).unwrap(), Arc::new(config()));
        assert_eq!(session.is_ok(), is_let_through, "{insecure:?}");
    }
}

#[test]
fn what_the_run_vouches_for_is_believed_within_its_time_and_names() {
    let key = KeyPair::generate().unwrap();
    let mut params = named("a.test");
    // As `openssl req -x509` makes them.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let judge = |params: &CertificateParams, host| {
        let certificate = params.self_signed(&key).unwrap();
        let mut options = HttpOptions::default();
        options.tls.roots = vec![certificate.pem()];
        let context = Context::new(&options).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        shake(context.begin(host, &[]).unwrap(), Arc::new(config)).0.map(|_| ())
    };
    judge(&params, "a.test").unwrap();
    assert_eq!(judge(&params, "b.test").unwrap_err().error_code(), 1311);
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    assert!(matches!(judge(&params, "a.test"), Err(TlsError::Expired { .. })));
}

#[test]
fn versions_and_suites_have_to_meet() {
    let authority = authority("Ours");
    for (min, max, suites, met) in [
        (TlsVersion::Tls12, TlsVersion::Tls13, &all_suites()[..], Some("tls1.3")),
        (TlsVersion::Tls12, TlsVersion::Tls12, &all_suites()[..], Some("tls1.2")),
        (TlsVersion::Tls12, TlsVersion::Tls13, &all_suites()[3..], Some("tls1.2")),
        (TlsVersion::Tls13, TlsVersion::Tls13, &all_suites()[3..], None),
        (TlsVersion::Tls12, TlsVersion::Tls12, &all_suites()[..3], None),
    ] {
        let mut options = options(&authority);
        (options.tls.min_version, options.tls.max_version) = (min, max);
        let context = Context::new(&options).unwrap();
        let config = server(named("a.test"), Some(&authority), suites.to_vec());
        let (session, ..) = shake(context.begin("a.test", &[]).unwrap(), Arc::new(config));
        if let Some(version) = met {
            assert_eq!(session.unwrap().negotiated().version(), version);
        } else {
            let error = session.unwrap_err();
            assert!(matches!(error, TlsError::Version { .. } | TlsError::NoCommonCipher { .. }), "{error}");
        }
    }
}

#[test]
fn what_is_no_tls_is_told_apart() {
    let context = Context::default();
    for (answer, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], TlsError::PlainHttp { host: "a.test".into() }),
        (b"H", TlsError::PlainHttp { host: "a.test".into() }),
        (b"SSH-2.0-OpenSSH", TlsError::NotTls { host: "a.test".into() }),
    ] {
        let mut handshake = context.begin("a.test", &[]).unwrap();
        assert_eq!(handshake.step(), Ok(Step::Send));
        assert_eq!(handshake.received(answer), Err(expected));
    }
    let error = context.begin("a test", &[]).unwrap_err();
    assert_eq!(error, TlsError::Name { host: "a test".into() });
    context.begin("127.0.0.1", &[]).unwrap();
    context.begin("[::1]", &[]).unwrap();
}

#[test]
fn options_that_cannot_be_carried_out_are_told_before_the_run() {
    let key = KeyPair::generate().unwrap();
    let other = KeyPair::generate().unwrap();
    let certificate = named("a.test").self_signed(&key).unwrap().pem();
    let told = |roots: &[&str], pair: Option<(&str, &str)>| {
        let mut options = HttpOptions::default();
        options.tls.roots = roots.iter().map(|&root| root.to_owned()).collect();
        options.tls.certificates = pair
            .map(|(cert, key)| ClientCertificate {
                domains: Vec::new(),
                cert: cert.to_owned(),
                key: key.to_owned(),
            })
            .into_iter()
            .collect();
        let error = Context::new(&options).unwrap_err();
        assert!(!error.hint().is_empty());
        format!("`{}`: {error}", error.option())
    };
    assert!(
        told(&["/no/such.pem"], None).starts_with("`tls_roots`: cannot read `/no/such.pem`: No such file")
    );
    assert_eq!(
        told(&[&key.serialize_pem()], None),
        "`tls_roots`: the text of a root has no certificate in PEM (`-----BEGIN …-----`)"
    );
    assert!(
        told(&["-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"], None)
            .contains("can't be read as PEM")
    );
    assert!(
        told(&["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"], None)
            .contains("can't be trusted as a root")
    );
    assert!(told(&[], Some((&certificate, &certificate))).contains("`key` has no private key in PEM"));
    assert!(told(&[], Some((&certificate, &other.serialize_pem()))).contains("can't be used: "));
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        told(&[], Some((&certificate, locked))),
        "`tls_auth`: the private key of the text of `key` is encrypted"
    );
}

proptest! {
    /// Whatever comes, nothing panics, and it is never taken for data.
    #[test]
    fn garbage_is_never_data(garbage in proptest::collection::vec(any::<u8>(), 0..300), as_record in any::<bool>()) {
        let authority = authority("Ours");
        let context = Context::new(&options(&authority)).unwrap();
        let (mut session, _server) =
            connect(&context, server(named("a.test"), Some(&authority), all_suites()));
        let mut records = garbage;
        if as_record && records.len() > 5 {
            let [high, low] = u16::try_from(records.len() - 5).unwrap().to_be_bytes();
            records[..5].copy_from_slice(&[23, 3, 3, high, low]);
        }
        for piece in [1, 300] {
            if let Ok(data) = receive(&mut session, &records, piece) {
                assert!(data.is_empty());
            }
        }
        let mut handshake = context.begin("a.test", &[]).unwrap();
        handshake.step().unwrap();
        handshake.sent(handshake.outgoing().len());
        if handshake.received(&records).is_ok() {
            assert_ne!(handshake.step(), Ok(Step::Done));
        }
    }
}
