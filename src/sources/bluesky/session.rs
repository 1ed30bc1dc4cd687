//! The session of an account, which searches need.
//!
//! In: the handle and the password of the settings. Out: answers to requests of the account. A
//! session is created at the first request, and renewed when its token has expired.

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::xrpc::{Method, Xrpc, parsed};
use crate::settings::{BlueskySettings, SecretText};
use crate::sources::web::{self, Answer};
use crate::sources::{ConnectError, Requests};

const CREATE: Method = Method {
    name: "com.atproto.server.createSession",
    endpoint: "createSession",
};
const REFRESH: Method = Method {
    name: "com.atproto.server.refreshSession",
    endpoint: "refreshSession",
};
/// The error of a token that is no longer valid.
const EXPIRED: &str = "ExpiredToken";

/// An account with its session.
#[derive(Debug)]
pub(super) struct Account {
    server: Xrpc,
    handle: String,
    password: SecretText,
    session: Mutex<Option<Session>>,
}

/// The tokens of a session.
#[derive(Debug, Clone)]
struct Session {
    access: SecretText,
    refresh: SecretText,
}

#[derive(Serialize)]
struct Login<'a> {
    identifier: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(rename = "accessJwt")]
    access: String,
    #[serde(rename = "refreshJwt")]
    refresh: String,
}

impl Account {
    /// The account of the settings; `None` when they have no handle or no password.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when the address may not be used or the password not be read.
    pub(super) fn new(
        settings: &BlueskySettings,
        requests: Requests,
    ) -> Result<Option<Self>, ConnectError> {
        let file = settings.password_file.as_deref();
        let password = web::secret(settings.password.as_ref(), file)?;
        let (Some(handle), Some(password)) = (settings.handle.clone(), password) else {
            return Ok(None);
        };
        let (pds, insecure) = (&settings.pds, settings.insecure);
        Ok(Some(Self {
            server: Xrpc::new("sources.bluesky.pds", pds, insecure, requests)?,
            handle,
            password,
            session: Mutex::new(None),
        }))
    }

    /// Asks for something as the account. An expired session is renewed once.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn get(
        &self,
        method: Method,
        parameters: &[(&str, &str)],
    ) -> Result<Answer, ConnectError> {
        let token = self.token().await?;
        let answer = self.server.get(method, parameters, Some(&token)).await;
        match answer {
            Err(error) if is_expired(&error) => {
                let token = self.renewed(&token).await?;
                self.server.get(method, parameters, Some(&token)).await
            }
            answer => answer,
        }
    }

    async fn token(&self) -> Result<SecretText, ConnectError> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session {
            return Ok(session.access.clone());
        }
        let created = self.create().await?;
        let token = created.access.clone();
        *session = Some(created);
        Ok(token)
    }

    /// A token that is newer than `expired`.
    async fn renewed(&self, expired: &SecretText) -> Result<SecretText, ConnectError> {
        let mut session = self.session.lock().await;
        let current = session.take();
        let renewed = match current {
            Some(current) if current.access != *expired => current,
            Some(current) => match self.refresh(&current).await {
                Err(ConnectError::Status {
                    status: 400..=403, ..
                }) => self.create().await?,
                refreshed => refreshed?,
            },
            None => self.create().await?,
        };
        let token = renewed.access.clone();
        *session = Some(renewed);
        Ok(token)
    }

    async fn create(&self) -> Result<Session, ConnectError> {
        let login = Login {
            identifier: &self.handle,
            password: self.password.reveal(),
        };
        Session::of(&self.server.post(CREATE, Some(&login), None).await?)
    }

    async fn refresh(&self, session: &Session) -> Result<Session, ConnectError> {
        let token = Some(&session.refresh);
        Session::of(&self.server.post(REFRESH, None::<&()>, token).await?)
    }
}

impl Session {
    fn of(answer: &Answer) -> Result<Self, ConnectError> {
        let tokens: Tokens = parsed(answer)?;
        Ok(Self {
            access: SecretText::new(tokens.access),
            refresh: SecretText::new(tokens.refresh),
        })
    }
}

fn is_expired(error: &ConnectError) -> bool {
    match error {
        ConnectError::Status { status: 401, .. } => true,
        ConnectError::Status { status, detail, .. } => *status == 400 && detail.contains(EXPIRED),
        _ => false,
    }
}
