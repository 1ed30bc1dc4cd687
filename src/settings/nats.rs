//! The address of NATS and its credentials, from the settings or from a context of the `nats`
//! command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Layers, SettingsError, size};

/// The default address of a context without one, as in the `nats` command.
const DEFAULT_URL: &str = "nats://127.0.0.1:4222";

/// The connection to the journal in NATS JetStream.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NatsSettings {
    /// The context of the `nats` command that supplies unset values.
    pub context: Option<String>,
    /// Addresses of the servers of one cluster.
    pub urls: Vec<String>,
    /// The credentials file.
    pub creds: Option<PathBuf>,
    /// The file of the nkey seed.
    pub nkey: Option<PathBuf>,
    /// The token.
    pub token: Option<String>,
    /// The user and the password, from a context. In the settings they are part of the URL.
    pub user: Option<(String, String)>,
    /// The file of certificate authorities that may sign the server's certificate.
    pub ca: Option<PathBuf>,
    /// The client certificate and its key, from a context.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// True when TLS starts before the server's first message; from a context.
    pub tls_first: bool,
    /// The prefix of inbox subjects, from a context.
    pub inbox_prefix: Option<String>,
    /// Replicas of each stream; `None` accepts any number.
    pub replicas: Option<usize>,
}

impl std::fmt::Debug for NatsSettings {
    /// Leaves out secrets, and URLs, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsSettings")
            .field("context", &self.context)
            .field("creds", &self.creds)
            .field("nkey", &self.nkey)
            .field("ca", &self.ca)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

/// Why a context cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The folder of contexts cannot be determined.
    #[error(
        "NATS contexts are in $XDG_CONFIG_HOME/nats/context or ~/.config/nats/context, and neither \
        XDG_CONFIG_HOME nor HOME is set"
    )]
    NoHome,
    /// The name of the context is not a file name.
    #[error("{name:?} is no name of a NATS context, which is that of a file, without .json")]
    Name {
        /// The name.
        name: String,
    },
    /// The file cannot be read.
    #[error("the NATS context {path} cannot be read: {source}; {known}")]
    File {
        /// The file.
        path: PathBuf,
        /// The names of the existing contexts.
        known: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a context.
    #[error("the NATS context {path} is not what the nats command writes: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The location in the file, and the error.
        #[source]
        source: serde_json::Error,
    },
    /// The context sets a field that tidings does not support.
    #[error(
        "the NATS context {path} sets {field}, which tidings does not support; use a context \
        without it"
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
    },
}

/// A context as the `nats` command writes it. An empty value counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Context {
    url: String,
    token: String,
    user: String,
    password: String,
    creds: String,
    nkey: String,
    cert: String,
    key: String,
    ca: String,
    inbox_prefix: String,
    tls_first: bool,
    nsc: String,
    socks_proxy: String,
    jetstream_domain: String,
    jetstream_api_prefix: String,
    user_jwt: String,
    user_seed: String,
    windows_cert_store: String,
}

pub(super) fn read(layers: &Layers) -> Result<Option<NatsSettings>, SettingsError> {
    let given = |key| {
        layers
            .text(key)
            .map(|text| (!text.is_empty()).then_some(text))
    };
    // All keys are read, so that an invalid value is found also with an embedded journal.
    let settings = NatsSettings {
        context: given("nats.context")?.map(str::to_owned),
        urls: urls(layers.text("nats.url")?),
        creds: given("nats.creds")?.map(PathBuf::from),
        nkey: given("nats.nkey")?.map(PathBuf::from),
        token: given("nats.token")?.map(str::to_owned),
        ca: given("nats.ca")?.map(PathBuf::from),
        replicas: match layers.whole("nats.replicas", 0..=5)? {
            0 => None,
            replicas => Some(size(replicas)),
        },
        ..NatsSettings::default()
    };
    let is_asked_for = !settings.urls.is_empty() || settings.context.is_some();
    Ok(is_asked_for.then_some(settings))
}

fn urls(text: &str) -> Vec<String> {
    text.split(',')
        .map(|url| url.trim().to_owned())
        .filter(|url| !url.is_empty())
        .collect()
}

impl NatsSettings {
    /// Fills unset values from the context, if one is named. All credentials come from one source.
    ///
    /// # Errors
    /// [`SettingsError::Context`].
    pub fn resolved(&self) -> Result<Self, SettingsError> {
        let Some(name) = &self.context else {
            return Ok(self.clone());
        };
        let folder = folder(
            std::env::var_os("XDG_CONFIG_HOME"),
            std::env::var_os("HOME"),
        )?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Ok(self.with(Context::load(&folder, name)?, home.as_deref()))
    }

    fn with(&self, context: Context, home: Option<&Path>) -> Self {
        let path = |text: &str| {
            (!text.is_empty()).then(|| match (text.strip_prefix("~/"), home) {
                (Some(below), Some(home)) => home.join(below),
                _ => PathBuf::from(text),
            })
        };
        let mut all = self.clone();
        if all.urls.is_empty() {
            all.urls = urls(&context.url);
        }
        if all.urls.is_empty() {
            all.urls = vec![DEFAULT_URL.into()];
        }
        if all.creds.is_none() && all.nkey.is_none() && all.token.is_none() {
            all.creds = path(&context.creds);
            all.nkey = path(&context.nkey);
            all.token = (!context.token.is_empty()).then_some(context.token);
            all.user = (!context.user.is_empty()).then_some((context.user, context.password));
        }
        if all.ca.is_none() {
            all.ca = path(&context.ca);
        }
        all.certificate = path(&context.cert).zip(path(&context.key));
        all.tls_first = context.tls_first;
        all.inbox_prefix = (!context.inbox_prefix.is_empty()).then_some(context.inbox_prefix);
        all
    }
}

/// The folder of contexts, as in the `nats` command.
fn folder(config: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, ContextError> {
    let given = |folder: Option<OsString>| folder.filter(|folder| !folder.is_empty());
    let config = given(config).map(PathBuf::from);
    let config = config.or_else(|| given(home).map(|home| Path::new(&home).join(".config")));
    Ok(config.ok_or(ContextError::NoHome)?.join("nats/context"))
}

impl Context {
    fn load(folder: &Path, name: &str) -> Result<Self, ContextError> {
        let is_name = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
        if !is_name {
            return Err(ContextError::Name { name: name.into() });
        }
        let path = folder.join(format!("{name}.json"));
        let text = std::fs::read(&path).map_err(|source| ContextError::File {
            path: path.clone(),
            known: known(folder),
            source,
        })?;
        let context: Self =
            serde_json::from_slice(&text).map_err(|source| ContextError::Syntax {
                path: path.clone(),
                source,
            })?;
        let unsupported = [
            ("nsc", &context.nsc),
            ("socks_proxy", &context.socks_proxy),
            ("jetstream_domain", &context.jetstream_domain),
            ("jetstream_api_prefix", &context.jetstream_api_prefix),
            ("user_jwt", &context.user_jwt),
            ("user_seed", &context.user_seed),
            ("windows_cert_store", &context.windows_cert_store),
        ];
        let asked = unsupported.into_iter().find(|(_, set)| !set.is_empty());
        match asked.map(|(field, _)| field) {
            Some(field) => Err(ContextError::Unsupported { path, field }),
            None => Ok(context),
        }
    }
}

/// The names of all contexts, for the error about an unknown one.
fn known(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".json").map(str::to_owned)
        })
        .collect();
    names.sort();
    if names.is_empty() {
        "there is no context; `nats context add` makes one".to_owned()
    } else {
        format!("existing contexts: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Context, ContextError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("here.json"), text).unwrap();
        Context::load(folder.path(), "here")
    }

    #[test]
    fn contexts_are_read_from_the_folder_of_the_nats_command() {
        let os = |text: &str| Some(OsString::from(text));
        let at = |config, home| folder(config, home).unwrap();
        assert_eq!(
            at(os("/etc/xdg"), os("/home/a")),
            Path::new("/etc/xdg/nats/context")
        );
        for config in [None, os("")] {
            assert_eq!(
                at(config, os("/home/a")),
                Path::new("/home/a/.config/nats/context")
            );
        }
        assert!(matches!(folder(None, None), Err(ContextError::NoHome)));
    }

    #[test]
    fn context_supplies_unset_values() {
        let context = r#"{"description":"x","url":"nats://a:1,nats://b:2","user":"u","password":"p","creds":"~/c.creds",
            "ca":"/ca.pem","cert":"/c.pem","key":"/k.pem","tls_first":true,"inbox_prefix":"_I","color_scheme":"blue"}"#;
        let home = Some(Path::new("/home/a"));
        let bare = NatsSettings::default();
        let all = bare.with(load(context).unwrap(), home);
        assert_eq!(all.urls, ["nats://a:1", "nats://b:2"]);
        assert_eq!(all.user, Some(("u".into(), "p".into())));
        assert_eq!(all.creds, Some("/home/a/c.creds".into()));
        assert_eq!(all.ca, Some("/ca.pem".into()));
        assert_eq!(all.certificate, Some(("/c.pem".into(), "/k.pem".into())));
        assert!(all.tls_first);
        assert_eq!(all.inbox_prefix.as_deref(), Some("_I"));
        let set = NatsSettings {
            urls: vec!["nats://c:3".into()],
            token: Some("t".into()),
            ca: Some("/mine.pem".into()),
            ..NatsSettings::default()
        };
        let all = set.with(load(context).unwrap(), home);
        assert_eq!(all.urls, ["nats://c:3"]);
        assert_eq!((all.user, all.creds), (None, None));
        assert_eq!(all.ca, Some("/mine.pem".into()));
        let empty = bare.with(load("{}").unwrap(), home);
        assert_eq!(empty.urls, [DEFAULT_URL]);
    }

    #[test]
    fn error_names_the_unusable_setting() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there.json"), "{}").unwrap();
        let text = Context::load(folder.path(), "here")
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("here.json") && text.contains("there"),
            "{text}"
        );
        for name in ["", "..", "a/b"] {
            let error = Context::load(folder.path(), name).unwrap_err();
            assert!(matches!(error, ContextError::Name { .. }), "{name}");
        }
        let text = load("{").unwrap_err().to_string();
        assert!(text.contains("here.json"), "{text}");
        let text = load(r#"{"jetstream_domain":"leaf"}"#)
            .unwrap_err()
            .to_string();
        assert!(text.contains("jetstream_domain"), "{text}");
    }
}
