//! Authentication to NATS: every kind of credential, in the settings or in a context of the `nats`
//! command; and the permissions of the example configuration.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::common::command::{Ended, binary, run};
use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views;
use crate::common::wait::eventually;
use crate::jetstream::nats::{Client, Nats};

const AT: &str = "2020-01-01T00:00:00Z";

fn quoted(path: &Path) -> String {
    format!("{path:?}")
}

/// Checks that a server and a publisher connect with these arguments and contexts, and that the
/// tweet is folded.
fn works(arguments: &[&str], contexts: &Path) {
    let data = tempfile::tempdir().unwrap();
    let with = |mut command: Command| {
        command.env("XDG_CONFIG_HOME", contexts).args(arguments);
        command
    };
    let mut serve = with(binary());
    serve.args(crate::common::server::serve(data.path(), &[]));
    let server = Server::of(serve).unwrap();
    server.wait_until_ready();
    let mut publish = with(binary());
    publish.args(["publish", "-"]);
    run(&mut publish, tweet("a", "t1", AT).as_bytes()).expect_code(0);
    eventually("it is folded", || {
        server.get("/api/v1/ledger")["folded"] == 1
    });
    server.stop();
}

/// Checks that a publisher with these arguments is refused. Returns its output.
fn refused(arguments: &[&str], contexts: &Path) -> Ended {
    let mut publish = binary();
    publish
        .env("XDG_CONFIG_HOME", contexts)
        .args(["publish", "-"])
        .args(arguments);
    let ended = run(&mut publish, tweet("a", "t2", AT).as_bytes());
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
    ended
}

/// Writes contexts into a folder.
fn contexts(all: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("nats/context");
    std::fs::create_dir_all(&inside).unwrap();
    for (name, context) in all {
        let file = inside.join(format!("{name}.json"));
        std::fs::write(file, context.to_string()).unwrap();
    }
    folder
}

#[test]
fn token_grants_access_and_is_never_shown() {
    let nats = Nats::start_configured("authorization { token: s3cret }");
    let url = nats.url();
    let kept = contexts(&[
        ("good", json!({ "url": url, "token": "s3cret" })),
        ("bad", json!({ "url": url, "token": "s3cret2" })),
    ]);
    works(&["--nats", &url, "--set", "nats.token=s3cret"], kept.path());
    works(&["--context", "good"], kept.path());
    let in_url = format!("nats://s3cret@{}", nats.address());
    works(&["--nats", &in_url], kept.path());
    // Settings take precedence over the context.
    works(
        &["--context", "bad", "--set", "nats.token=s3cret"],
        kept.path(),
    );
    let bare = refused(&["--nats", &url], kept.path());
    assert!(bare.stderr.contains("uthorization"), "{bare:?}");
    let bad = refused(&["--context", "bad"], kept.path());
    assert!(!bad.stderr.contains("s3cret"), "{bad:?}");
    let unknown = refused(&["--context", "other"], kept.path());
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("bad, good"), "{unknown:?}");
}

#[test]
fn password_grants_access_and_is_never_shown() {
    let config = "authorization { users: [{ user: me, password: s3cret }] }";
    let nats = Nats::start_configured(config);
    let address = nats.address();
    let kept = contexts(&[(
        "good",
        json!({ "url": nats.url(), "user": "me", "password": "s3cret" }),
    )]);
    works(
        &["--nats", &format!("nats://me:s3cret@{address}")],
        kept.path(),
    );
    let encoded = format!("nats://m%65:s%33cret@{address}");
    works(&["--nats", &encoded], kept.path());
    works(&["--context", "good"], kept.path());
    let wrong = refused(
        &["--nats", &format!("nats://me:s3cret2@{address}")],
        kept.path(),
    );
    assert!(wrong.stderr.contains(&address.to_string()), "{wrong:?}");
    assert!(!wrong.stderr.contains("s3cret"), "{wrong:?}");
    let mut show = binary();
    show.args(["config", "show", "--nats", "nats://me:s3cret@here:1"]);
    let shown = run(&mut show, b"").expect_code(0);
    assert!(!shown.stdout.contains("s3cret"), "{shown:?}");
}

#[test]
fn nkey_grants_access() {
    let key = KeyPair::new_user();
    let config = format!(
        "authorization {{ users: [{{ nkey: {} }}] }}",
        key.public_key()
    );
    let nats = Nats::start_configured(&config);
    let url = nats.url();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, key: &KeyPair| {
        let path = folder.path().join(name);
        std::fs::write(&path, key.seed().unwrap() + "\n").unwrap();
        path
    };
    let (seed, other) = (write("seed", &key), write("other", &KeyPair::new_user()));
    let kept = contexts(&[("good", json!({ "url": url, "nkey": seed }))]);
    let set = |path: &Path| format!("nats.nkey={}", path.display());
    works(&["--nats", &url, "--set", &set(&seed)], kept.path());
    works(&["--context", "good"], kept.path());
    refused(&["--nats", &url, "--set", &set(&other)], kept.path());
    let missing = refused(
        &["--nats", &url, "--set", "nats.nkey=/nowhere"],
        kept.path(),
    );
    assert!(missing.stderr.contains("/nowhere"), "{missing:?}");
}

/// A token signed by `issuer` about `subject`.
fn jwt(issuer: &KeyPair, subject: &str, name: &str, claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let body = encode(&json!({
        "jti": name, "iat": 1_700_000_000, "iss": issuer.public_key(), "name": name,
        "sub": subject, "nats": claims,
    }));
    let signed = format!("{header}.{body}");
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn credentials_grant_access() {
    let operator = KeyPair::new_operator();
    let (system, account, user) = (
        KeyPair::new_account(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    );
    let unlimited = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1,
        "wildcards": true, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_account = |key: &KeyPair, name: &str, limits: &Value| {
        let claims = json!({ "type": "account", "version": 2, "limits": limits });
        jwt(&operator, &key.public_key(), name, &claims)
    };
    let claims = json!({ "type": "operator", "version": 2, "system_account": system.public_key() });
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}: {}\n{}: \
        {}\n}}",
        jwt(&operator, &operator.public_key(), "op", &claims),
        system.public_key(),
        system.public_key(),
        of_account(
            &system,
            "sys",
            &json!({ "subs": -1, "data": -1, "payload": -1, "conn": -1 })
        ),
        account.public_key(),
        of_account(&account, "app", &unlimited),
    );
    let nats = Nats::start_configured(&config);
    let url = nats.url();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, issuer: &KeyPair| {
        let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n-----BEGIN USER \
            NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            jwt(issuer, &user.public_key(), name, &claims),
            user.seed().unwrap(),
        );
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let good = write("good.creds", &account);
    let foreign = write("foreign.creds", &KeyPair::new_account());
    let kept = contexts(&[("good", json!({ "url": url, "creds": good }))]);
    let set = |path: &Path| format!("nats.creds={}", path.display());
    works(&["--nats", &url, "--set", &set(&good)], kept.path());
    works(&["--context", "good"], kept.path());
    refused(&["--nats", &url, "--set", &set(&foreign)], kept.path());
    refused(&["--nats", &url], kept.path());
}

#[test]
fn tls_checks_the_authority_and_sends_the_client_certificate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jetstream/tls");
    let file = |name: &str| folder.join(name);
    let tls = |more: &str| {
        format!(
            "tls {{ cert_file: {}, key_file: {}{more} }}",
            quoted(&file("server.pem")),
            quoted(&file("server.key")),
        )
    };
    let nats = Nats::start_configured(&tls(""));
    let url = format!("tls://{}", nats.address());
    let asks = format!(", verify: true, ca_file: {}", quoted(&file("ca.pem")));
    let asking = Nats::start_configured(&tls(&asks));
    let asking_url = format!("tls://{}", asking.address());
    let none = contexts(&[]);
    let kept = contexts(&[(
        "good",
        json!({
            "url": asking_url, "ca": file("ca.pem"), "cert": file("client.pem"),
            "key": file("client.key"),
        }),
    )]);
    let set = |name: &str| format!("nats.ca={}", file(name).display());
    let (ca, other_ca) = (set("ca.pem"), set("other-ca.pem"));
    let untrusted = [
        vec!["--nats", &url],
        vec!["--nats", &url, "--set", &other_ca],
    ];
    // The client of NATS repeats a refused connection until its time-out, so the commands run at
    // the same time.
    std::thread::scope(|scope| {
        for arguments in &untrusted {
            let without = none.path();
            scope.spawn(move || {
                let said = refused(arguments, without);
                assert!(
                    said.stderr.contains("certificate") || said.stderr.contains("TLS"),
                    "{said:?}"
                );
            });
        }
        scope.spawn(|| refused(&["--nats", &asking_url, "--set", &ca], none.path()));
        works(&["--nats", &url, "--set", &ca], none.path());
        // With an authority configured, the client requires TLS.
        works(&["--nats", &nats.url(), "--set", &ca], none.path());
        works(&["--context", "good"], kept.path());
    });
}

#[test]
fn example_roles_have_exactly_the_permissions_they_need() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nats-server.conf");
    let passwords = [
        ("NATS_TIDINGS_PASSWORD", "t1"),
        ("NATS_PUBLISHER_PASSWORD", "p1"),
        ("NATS_OPERATOR_PASSWORD", "o1"),
    ];
    let config = std::fs::read_to_string(config).unwrap();
    let nats = Nats::start_with_environment(&config, &passwords);
    let address = nats.address();
    let (as_tidings, as_publisher) = (
        format!("nats://tidings:t1@{address}"),
        format!("nats://publisher:p1@{address}"),
    );
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &["--nats", &as_tidings]);
    let mut publish = binary();
    publish.args(["publish", "-", "--nats", &as_publisher]);
    let lines = format!("{}\n", tweet("a", "t1", AT));
    run(&mut publish, lines.as_bytes()).expect_code(0);
    // One tweet over HTTP, and one message that is rejected.
    server.publish(&tweet("a", "t2", AT));
    let mut publisher = Client::connect_as(address, "publisher", "p1").unwrap();
    assert_eq!(publisher.publish(b"tweets.a", b"{").unwrap(), Some(3));
    eventually("all is folded", || {
        let ledger = server.get("/api/v1/ledger");
        ledger["folded"] == 2 && ledger["rejected"] == 1
    });
    assert_eq!(views::ids(&server, "a").len(), 2);
    let mut operator = Client::connect_as(address, "operator", "o1").unwrap();
    let info = operator.api("STREAM.INFO.REJECTED", &json!({}));
    assert_eq!(info["state"]["messages"], 1, "{info}");
    let status = operator
        .request(b"tidings.status", b"", b"")
        .unwrap()
        .unwrap();
    let status: Value = serde_json::from_slice(&status).unwrap();
    assert_eq!(status["status"], "ready", "{status}");
    let report = b"{\"name\":\"x\",\"kind\":\"x\",\"instance\":\"1\",\"state\":\"live\"}";
    let json = [("Content-Type", "application/json")];
    let reply = server.ask("PUT", "/api/v1/sources/x", &json, report);
    assert_eq!(reply.status, 204, "{}", reply.text());
    // A publisher may not read, change the stream, or publish to other subjects.
    for subject in [
        "rejected.a",
        "other",
        "$JS.API.STREAM.INFO.TWEETS",
        "$JS.API.STREAM.PURGE.TWEETS",
        "$JS.API.STREAM.MSG.GET.TWEETS",
        "$JS.API.CONSUMER.CREATE.TWEETS.x",
    ] {
        let mut publisher = Client::connect_as(address, "publisher", "p1").unwrap();
        let error = publisher
            .request(subject.as_bytes(), b"", b"{}")
            .unwrap_err();
        assert!(
            error.to_string().contains("Permissions Violation"),
            "{subject}: {error}"
        );
    }
    // A publisher cannot read the inboxes to which records are delivered to tidings, either.
    let mut listener = Client::connect_as(address, "publisher", "p1").unwrap();
    let heard = listener.hears("_INBOX.>", || {
        server.publish(&tweet("a", "t3", AT));
        server.wait_until_folded();
    });
    assert!(!heard);
    server.stop();
    // The commands that read the streams need no other permissions.
    let file = data.path().join("export.ndjson");
    for command in [
        &["views", "verify"][..],
        &["rejected", "ls"],
        &["journal", "export", file.to_str().unwrap()],
    ] {
        let mut on_files = binary();
        on_files.arg("--data").arg(data.path()).args(command);
        run(on_files.args(["--nats", &as_tidings]), b"").expect_code(0);
    }
    // A command does not wait until the server has deleted its consumer.
    eventually("no consumer is left behind", || {
        let info = operator.api("STREAM.INFO.TWEETS", &json!({}));
        info["state"]["consumer_count"] == 0
    });
}
