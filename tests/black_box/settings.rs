//! Settings from outside: layers, errors, exit codes.

use crate::common::command::{binary, run, tidings};

#[test]
fn wrong_setting_is_named_with_exit_code_2() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("settings.toml");
    std::fs::write(&file, "[commit]\nevnts = 1\n").unwrap();
    let file = file.to_str().unwrap();
    for (variables, arguments, said) in [
        (
            &[("TIDINGS_LISTN", "x")][..],
            &["config", "show"][..],
            "TIDINGS_LISTEN",
        ),
        (
            &[("TIDINGS_LISTEN", "x")],
            &["config", "show"],
            "IP address",
        ),
        (
            &[("TIDINGS_NATS__REPLICAS", "6")],
            &["serve"],
            "a whole number from 0 to 5",
        ),
        (&[], &["serve", "--config", file], "commit.events"),
        (&[], &["serve", "--config", "/dev/zero"], "more than"),
        (
            &[],
            &["serve", "--config", "/nowhere.toml"],
            "/nowhere.toml",
        ),
        (
            &[],
            &["serve", "--set", "commit.events=none"],
            "whole number",
        ),
        (&[], &["serve", "--set", "nonsense"], "KEY=VALUE"),
        (
            &[],
            &["serve", "--data", "/nowhere/data", "--set", "http.hosts=*"],
            "\"example.org:8443\"",
        ),
        (
            &[("TIDINGS_HTTP__HOSTS", "localhost,*.example.org")],
            &["serve", "--data", "/nowhere/data"],
            "\"*.example.org\" in http.hosts",
        ),
        (
            &[],
            &["serve", "--data", "/nowhere/data", "--set", "http.hosts="],
            "http.hosts is empty",
        ),
        (&[], &["keywords", "ls", "--server", "nonsense"], "http://"),
        (&[], &["keywords", "track", "a\u{202e}b"], "U+202E"),
        (&[], &["nonsense"], "nonsense"),
        (&[], &["publish"], "FILE"),
        (&[], &["publish", "x", "--rate", "0"], "--rate"),
    ] {
        let mut command = binary();
        command.envs(variables.iter().copied()).args(arguments);
        let ended = run(&mut command, b"").expect_code(2);
        assert!(
            ended.stderr.contains(said),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn config_show_names_the_source_of_each_value() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("settings.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:1\"\n[commit]\nevents = 5\n").unwrap();
    let mut command = binary();
    command
        .args(["config", "show", "--output", "json", "--data", "here"])
        .args(["--config", file.to_str().unwrap()])
        .env("TIDINGS_LISTEN", "127.0.0.1:2");
    let shown = run(&mut command, b"").expect_code(0).json();
    let expected = [
        ("listen", serde_json::json!("127.0.0.1:2"), "TIDINGS_LISTEN"),
        ("data", serde_json::json!("here"), "--data"),
        (
            "commit.events",
            serde_json::json!(5),
            file.to_str().unwrap(),
        ),
        ("commit.interval_ms", serde_json::json!(1000), "default"),
    ];
    for (key, value, from) in expected {
        assert_eq!(shown[key]["value"], value, "{key}");
        assert_eq!(shown[key]["from"], from, "{key}");
    }
    let text = tidings(["config", "show"]).expect_code(0).stdout;
    assert!(text.contains("keywords.max"), "{text}");
}
