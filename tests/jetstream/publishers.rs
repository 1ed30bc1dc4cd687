//! The publishers of docs/publishing.md, unchanged: programs in other languages that only know the
//! subjects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tidings::events::{Keyword, Token};

use crate::common::chance::Chance;
use crate::common::command::{Ended, on_files, run};
use crate::common::lines;
use crate::common::posts;
use crate::common::server::Server;
use crate::common::views;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

/// Keywords whose subjects are hard to encode.
const ODD: [&str; 8] = [
    "US   Airways",
    "a.b",
    "ＡＩ",
    "İstanbul",
    "100% *",
    "ㅋㅋ",
    "❤\u{fe0f}",
    "배우ㄳ",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file that scripts/setup installs.
fn tool(path: &str) -> PathBuf {
    let tool = root().join(".tools").join(path);
    assert!(
        tool.exists(),
        "{path} is missing: scripts/setup installs it into .tools/"
    );
    tool
}

fn python(url: &str) -> Command {
    let mut command = Command::new(tool("python/bin/python"));
    command
        .arg(root().join("docs/publishers/publish.py"))
        .arg(url);
    command
}

/// Node searches libraries beside the program's file.
fn node(folder: &Path, url: &str) -> Command {
    let program = folder.join("publish.mjs");
    std::fs::copy(root().join("docs/publishers/publish.mjs"), &program).unwrap();
    let libraries = tool("publishers/node_modules");
    std::os::unix::fs::symlink(libraries, folder.join("node_modules")).unwrap();
    let mut command = Command::new("node");
    command.arg(program).arg(url);
    command
}

/// Every post for every keyword that it contains, and a few posts for odd keywords.
fn lines() -> Vec<String> {
    let posts = posts::lines();
    let mut lines = Vec::new();
    for (number, line) in posts.iter().enumerate() {
        let post: Value = serde_json::from_str(line).unwrap();
        let text = post["text"].as_str().unwrap();
        let odd = ODD.get(number).into_iter();
        let found = posts::KEYWORDS
            .iter()
            .filter(|keyword| posts::is_for(text, keyword));
        for keyword in found.chain(odd) {
            let mut event = post.clone();
            event["keyword"] = (*keyword).into();
            lines.push(event.to_string());
        }
    }
    lines
}

fn start(mut command: Command, lines: &[String]) -> std::thread::JoinHandle<Ended> {
    let input = lines.join("\n");
    std::thread::spawn(move || run(&mut command, input.as_bytes()))
}

fn wait_for_ledger(server: &Server, fields: &Value) {
    eventually("all is folded", || {
        let ledger = server.get("/api/v1/ledger");
        let fields = fields.as_object().unwrap();
        fields.iter().all(|(name, value)| ledger[name] == *value)
    });
}

#[test]
fn sample_totals_are_exact_through_publishers_in_other_languages() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let (data, embedded) = (scratch.path().join("n"), scratch.path().join("e"));
    let url = nats.url();
    let server = Server::start_with(&data, &["--nats", &url]);
    let lines = lines();
    let all = lines.len();

    // Two clients publish at the same time. Every keyword gets lines from both.
    let (one, other): (Vec<_>, Vec<_>) = lines
        .iter()
        .cloned()
        .enumerate()
        .partition(|(number, _)| number % 2 == 0);
    let part = |part: Vec<(usize, String)>| part.into_iter().map(|(_, line)| line).collect();
    let (one, other): (Vec<_>, Vec<_>) = (part(one), part(other));
    let folder = tempfile::tempdir().unwrap();
    let running = [
        start(python(&url), &one),
        start(node(folder.path(), &url), &other),
    ];
    for (ended, sent) in running.into_iter().zip([one.len(), other.len()]) {
        let ended = ended.join().unwrap().expect_code(0);
        assert_eq!(ended.stdout, format!("{sent} acknowledged\n"));
    }
    let none =
        json!({ "journaled": all, "folded": all, "duplicate": 0, "rejected": 0, "unaddressed": 0 });
    wait_for_ledger(&server, &none);
    let posts = posts::lines();
    let mut right: BTreeMap<_, _> = posts::KEYWORDS
        .iter()
        .map(|keyword| ((*keyword).to_owned(), posts::containing(posts, keyword)))
        .collect();
    let odd = ODD.map(|odd| Keyword::new(odd).unwrap().to_string());
    for odd in &odd {
        right.insert(odd.clone(), 1);
    }
    assert_eq!(views::totals(&server), right);

    // The program in the other language publishes each event a second time. NATS recognizes every
    // event by its id.
    let folder = tempfile::tempdir().unwrap();
    let running = [
        start(node(folder.path(), &url), &one),
        start(python(&url), &other),
    ];
    for (ended, sent) in running.into_iter().zip([one.len(), other.len()]) {
        let ended = ended.join().unwrap().expect_code(0);
        let right = format!("{sent} acknowledged, {sent} of them known to NATS already\n");
        assert_eq!(ended.stdout, right);
    }
    wait_for_ledger(&server, &none);
    server.stop();

    let server = Server::start(&embedded);
    for group in lines.chunks(5_000) {
        let answer = server.publish(&group.join("\n"));
        assert_eq!(answer["rejected"], json!([]));
    }
    server.wait_until_folded();
    server.stop();
    let digest = |data: &Path, with: &[&str]| {
        let arguments = ["views", "digest", "--output", "json"];
        let ended = on_files(data, arguments.iter().chain(with));
        ended.expect_code(0).json()["digest"].clone()
    };
    assert_eq!(digest(&data, &["--nats", &url]), digest(&embedded, &[]));
}

#[test]
fn publisher_reports_missing_acknowledgements() {
    // The server has no stream.
    let nats = Nats::start();
    let line = lines::tweet("a", "t1", "2020-01-01T00:00:00Z");
    let ended = run(&mut python(&nats.url()), line.as_bytes()).expect_code(1);
    assert!(ended.stderr.contains("not acknowledged"), "{ended:?}");
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&mut node(folder.path(), &nats.url()), line.as_bytes()).expect_code(1);
    assert!(ended.stderr.contains("not acknowledged"), "{ended:?}");
}

/// Lines that stop a careless program, between good lines, and the number of good lines.
fn odd_lines() -> (Vec<u8>, u64) {
    let good = |id: &str| lines::tweet("a", id, "2020-01-01T00:00:00Z");
    let mut input = b"\xef\xbb\xbf".to_vec();
    for line in [
        good("1").into_bytes(),
        b"".to_vec(),
        b" \t\r".to_vec(),
        // Half an emoji in a text, which tidings rejects, and in a field that it ignores.
        good("2").replace("tweet 2", r"cut \ud83d").into_bytes(),
        good("3")
            .replacen('{', r#"{"note":"cut \ud83d","#, 1)
            .into_bytes(),
        b"not json".to_vec(),
        b"[1]".to_vec(),
        b"null".to_vec(),
        b"{}".to_vec(),
        br#"{"keyword":7}"#.to_vec(),
        br#"{"keyword":"cut \ud83d"}"#.to_vec(),
        br#"{"keyword":" \t"}"#.to_vec(),
        b"\xff\xfe".to_vec(),
        lines::tweet("a", &"x".repeat(70_000), "2020-01-01T00:00:00Z").into_bytes(),
        // A line end for some programs, an ordinary character in JSON.
        good("4")
            .replace("tweet 4", "a\u{2028}b\u{85}c")
            .into_bytes(),
        [good("5").as_bytes(), b"\r"].concat(),
        good("6").into_bytes(),
    ] {
        input.extend(line);
        input.push(b'\n');
    }
    (input, 6)
}

#[test]
fn bad_line_does_not_block_later_lines() {
    let (input, sent) = odd_lines();
    for language in ["python", "js"] {
        let nats = Nats::start();
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
        let folder = tempfile::tempdir().unwrap();
        let mut command = match language {
            "python" => python(&nats.url()),
            _ => node(folder.path(), &nats.url()),
        };
        let ended = run(&mut command, &input).expect_code(1);
        assert_eq!(
            ended.stdout,
            format!("{sent} acknowledged\n"),
            "{language}: {ended:?}"
        );
        for number in [6, 7, 8, 9, 10, 11, 12, 13, 14] {
            let named = format!("line {number} was not sent");
            assert!(
                ended.stderr.contains(&named),
                "{language}, {named}: {}",
                ended.stderr
            );
        }
        assert_eq!(
            ended.stderr.lines().count(),
            9,
            "{language}: {}",
            ended.stderr
        );
        // Half an emoji is rejected only in a member of the event.
        wait_for_ledger(
            &server,
            &json!({ "journaled": 6, "folded": 5, "rejected": 1 }),
        );
        let ids: Vec<String> = views::ids(&server, "a").into_keys().collect();
        assert_eq!(ids, ["1", "3", "4", "5", "6"], "{language}");
        server.stop();
    }
}

#[test]
fn nats_deduplicates_only_equal_events() {
    let posted = |keyword: &str| lines::tweet(keyword, "1", "2020-01-01T00:00:00Z");
    let about = |kind: &str, at: &str, more: &str| {
        format!(r#"{{"type":"{kind}","keyword":"a","at":"{at}"{more}}}"#)
    };
    let engaged = |at: &str, likes: u32| {
        let more = format!(r#","id":"1","metrics":{{"likes":{likes}}}"#);
        about("tweet.engaged", at, &more)
    };
    // One tweet id for two keywords: with the tweet id as message id only one would be stored.
    let lines = [
        posted("a"),
        posted("b"),
        engaged("2020-01-02T00:00:00Z", 1),
        engaged("2020-01-03T00:00:00Z", 2),
        about("tweet.deleted", "2020-01-04T00:00:00Z", r#","id":"1""#),
        about("keyword.untracked", "2020-01-05T00:00:00Z", ""),
        about("keyword.tracked", "2020-01-06T00:00:00Z", ""),
        about("keyword.untracked", "2020-01-07T00:00:00Z", ""),
        about("keyword.tracked", "2020-01-08T00:00:00Z", r#","any":["c"]"#),
        about("keyword.tracked", "2020-01-08T00:00:00Z", r#","any":["d"]"#),
    ];
    for language in ["python", "js"] {
        let nats = Nats::start();
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
        let folder = tempfile::tempdir().unwrap();
        let command = match language {
            "python" => python(&nats.url()),
            _ => node(folder.path(), &nats.url()),
        };
        let ended = start(command, &lines).join().unwrap().expect_code(0);
        assert_eq!(ended.stdout, "10 acknowledged\n", "{language}: {ended:?}");
        wait_for_ledger(&server, &json!({ "journaled": 10, "folded": 10 }));
        server.stop();
    }
}

/// Keywords whose normal form is hard to compute.
const HARD: [&str; 30] = [
    "  US \t Airways ",
    "ＡＩ",
    "ㅋㅋㅠㅠ",
    "배우ㄳ",
    "ﾻﾻ",
    "ﾡｱￜ",
    "\u{ffa0}가",
    "\u{3164}가",
    "\u{1103}\u{1161}",
    "ㄱ\u{302}A\u{302}",
    "가\u{11a8}ㄱ\u{11a8}",
    "❤\u{fe0f}",
    "a\u{fe00}\u{301}",
    "漢\u{e0100}字",
    "👩\u{200d}💻",
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "🇰🇷",
    "می\u{200c}خواهم",
    "हिन्दी",
    "क्\u{200d}ष",
    "ประเทศไทย ำ",
    "ΟΔΟΣ ΟΣΑ Σ",
    "İstanbul",
    "ß ẞ ﬃ ŉ",
    "K Å Ⅷ ㎏ ﷺ",
    "か\u{3099}ｶﾞ",
    "a\u{a0}b\u{3000}c\u{2028}d\u{85}e\u{1680}f",
    "\u{1e9b}\u{323} q\u{307}\u{323}",
    "a.b/c%d*>_-~",
    "𝕏 𐐀",
];

/// The tokens that a program gives these keywords; `None` where it refuses one.
fn tokens_by(mut program: Command, keywords: &[String]) -> Vec<Option<String>> {
    let input = serde_json::to_string(keywords).unwrap();
    let ended = run(&mut program, input.as_bytes()).expect_code(0);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Python with its publisher as a module, and a script that reads standard input as `given`.
fn python_script(script: &str) -> Command {
    let mut command = Command::new(tool("python/bin/python"));
    let publishers = root().join("docs/publishers");
    let program = format!(
        "import json, sys, unicodedata\nsys.path.insert(0, \
        {publishers:?})\nsys.dont_write_bytecode = True\nimport publish\ngiven = \
        json.load(sys.stdin)\n{script}"
    );
    command.args(["-c", &program]);
    command
}

#[test]
fn publishers_make_the_same_tokens() {
    let token_or_none = "\ndef token(keyword):\n    try:\n        return publish.token(keyword)\n    except ValueError:\n        return None\nprint(json.dumps([token(keyword) for keyword in given]))";
    // Each language has another version of Unicode's tables. Python's are the oldest here;
    // characters that they assign have the same normal form in the others.
    let assigned = "print(json.dumps([c for c in range(0x110000) if unicodedata.category(chr(c)) not in ('Cn', 'Co', 'Cs')]))";
    let ended = run(&mut python_script(assigned), b"null").expect_code(0);
    let assigned: Vec<u32> = serde_json::from_str(&ended.stdout).unwrap();
    assert!(assigned.len() > 140_000);
    let character = |code: &u32| char::from_u32(*code).unwrap();
    let mut chance = Chance::of(11);
    let parts: Vec<char> = HARD.concat().chars().collect();
    let mut keywords: Vec<String> = HARD.iter().map(|hard| (*hard).to_owned()).collect();
    // Each character alone and beside others that it may combine with, and random texts.
    keywords.extend(
        assigned
            .iter()
            .map(|code| format!("가{}\u{301}b", character(code))),
    );
    keywords.extend((0..20_000).map(|_| {
        let length = 1 + chance.below(8);
        let any = |chance: &mut Chance| match chance.below(3) {
            0 => character(chance.pick(&assigned)),
            _ => *chance.pick(&parts),
        };
        (0..length).map(|_| any(&mut chance)).collect()
    }));
    let ours: Vec<Option<String>> = keywords
        .iter()
        .map(|keyword| Some(Token::of(&Keyword::new(keyword).ok()?).to_string()))
        .collect();
    let refused: Vec<_> = HARD
        .iter()
        .zip(&ours)
        .filter(|(_, ours)| ours.is_none())
        .collect();
    assert_eq!(refused, []);

    let folder = tempfile::tempdir().unwrap();
    let program = node(folder.path(), "");
    let script = folder.path().join("tokens.mjs");
    std::fs::write(
        &script,
        r#"import { readFileSync } from "node:fs";
import { token } from "./publish.mjs";
const tokens = JSON.parse(readFileSync(0, "utf8")).map((keyword) => {
  try { return token(keyword); } catch { return null; }
});
process.stdout.write(JSON.stringify(tokens));
"#,
    )
    .unwrap();
    let mut node = Command::new(program.get_program());
    node.arg(&script);
    for (language, program) in [("python", python_script(token_or_none)), ("js", node)] {
        let theirs = tokens_by(program, &keywords);
        assert_eq!(theirs.len(), ours.len());
        let mut differing = Vec::new();
        for ((keyword, ours), theirs) in keywords.iter().zip(&ours).zip(&theirs) {
            // The publishers may send a text that is no keyword: it is rejected with the reason.
            if ours.is_some() && ours != theirs {
                differing.push((keyword, ours, theirs));
            }
        }
        differing.truncate(20);
        assert_eq!(differing, [], "{language}");
    }
}

#[test]
fn guide_shows_the_tested_programs() {
    let guide = std::fs::read_to_string(root().join("docs/publishing.md")).unwrap();
    for (language, program) in [("python", "publish.py"), ("js", "publish.mjs")] {
        let program = std::fs::read_to_string(root().join("docs/publishers").join(program));
        let block = format!("```{language}\n{}```", program.unwrap());
        assert!(guide.contains(&block), "{language}");
    }
}
