//! Addresses of posts: the author's repository and the key of the post in it, with the id, the URI
//! and the URL that follow from them.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::events::TweetId;
use crate::sources::Rejection;

/// The collection of posts.
pub(super) const POSTS: &str = "app.bsky.feed.post";
/// Begins the id of every post.
const ID_PREFIX: &str = "bsky:";
/// Begins an id that holds a hash, because the address is too long for an id.
const HASHED_PREFIX: &str = "bsky:h:";
/// Maximum length of an id, in bytes.
const MAX_ID_BYTES: usize = 128;
/// Number of bytes of the hash that an id holds, as two hexadecimal digits each.
const HASH_BYTES: usize = 20;
/// Begins the URL of a profile on the web.
const PROFILE_URL: &str = "https://bsky.app/profile/";

/// The address of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostAddress {
    /// The DID of the author.
    pub(super) did: String,
    /// The key of the post in the author's repository.
    pub(super) rkey: String,
}

impl PostAddress {
    /// The address in a URI such as `at://did:plc:…/app.bsky.feed.post/…`.
    pub(super) fn of_uri(uri: &str) -> Option<Self> {
        let (did, path) = uri.strip_prefix("at://")?.split_once('/')?;
        let rkey = path.strip_prefix(POSTS)?.strip_prefix('/')?;
        Self::new(did, rkey)
    }

    /// The address in the id of any version of a post; `None` when the id holds a hash.
    pub(super) fn of_id(id: &TweetId) -> Option<Self> {
        let (did, version) = id.as_str().strip_prefix(ID_PREFIX)?.split_once('/')?;
        let rkey = version.split_once('@').map_or(version, |(rkey, _)| rkey);
        Self::new(did, rkey)
    }

    /// The address of the post `rkey` of the author `did`; `None` when one of them has another
    /// form.
    pub(super) fn new(did: &str, rkey: &str) -> Option<Self> {
        let is_right = did.starts_with("did:") && !rkey.is_empty() && !rkey.contains('/');
        is_right.then(|| Self {
            did: did.to_owned(),
            rkey: rkey.to_owned(),
        })
    }

    /// The id of the first version of the post.
    ///
    /// # Errors
    /// [`Rejection`] when the address has characters that no id has.
    pub(super) fn id(&self) -> Result<TweetId, Rejection> {
        let id = self.plain_id();
        if id.len() <= MAX_ID_BYTES {
            checked(&id)
        } else {
            checked(&self.hashed_id())
        }
    }

    /// The id of the version of the post that the revision `rev` made.
    ///
    /// # Errors
    /// [`Rejection`] when the address or the revision has characters that no id has.
    pub(super) fn version_id(&self, rev: &str) -> Result<TweetId, Rejection> {
        let id = format!("{}@{rev}", self.plain_id());
        if id.len() <= MAX_ID_BYTES {
            checked(&id)
        } else {
            checked(&format!("{}@{rev}", self.hashed_id()))
        }
    }

    /// The URI of the post.
    pub(super) fn uri(&self) -> String {
        format!("at://{}/{POSTS}/{}", self.did, self.rkey)
    }

    /// The URL of the post on the web.
    pub(super) fn url(&self) -> String {
        format!("{PROFILE_URL}{}/post/{}", self.did, self.rkey)
    }

    fn plain_id(&self) -> String {
        format!("{ID_PREFIX}{}/{}", self.did, self.rkey)
    }

    fn hashed_id(&self) -> String {
        let hash = Sha256::digest(format!("{}/{}", self.did, self.rkey));
        let mut id = HASHED_PREFIX.to_owned();
        for byte in hash.iter().take(HASH_BYTES) {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}

/// The DID in the URL of a post on the web.
pub(super) fn did_of_url(url: &str) -> Option<&str> {
    let (did, _) = url.strip_prefix(PROFILE_URL)?.split_once('/')?;
    did.starts_with("did:").then_some(did)
}

fn checked(id: &str) -> Result<TweetId, Rejection> {
    TweetId::new(id).map_err(|error| Rejection::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(did: &str) -> PostAddress {
        PostAddress::new(did, "3mzzzzzzzzz2b").unwrap()
    }

    #[test]
    fn id_and_uri_and_url_name_the_same_post() {
        let post = address("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
        let id = post.id().unwrap();
        assert_eq!(
            id.as_str(),
            "bsky:did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/3mzzzzzzzzz2b"
        );
        assert_eq!(
            post.uri(),
            "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3mzzzzzzzzz2b"
        );
        assert_eq!(PostAddress::of_uri(&post.uri()), Some(post.clone()));
        assert_eq!(PostAddress::of_id(&id), Some(post.clone()));
        let version = post.version_id("3mzzzzzzzzz2c").unwrap();
        assert_eq!(
            version.as_str(),
            "bsky:did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/3mzzzzzzzzz2b@3mzzzzzzzzz2c"
        );
        assert_eq!(PostAddress::of_id(&version), Some(post.clone()));
        let did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(did_of_url(&post.url()), Some(did));
    }

    #[test]
    fn id_longer_than_128_bytes_holds_a_hash_of_the_address() {
        let fits = address(&format!("did:web:{}", "a".repeat(101)));
        assert_eq!(fits.id().unwrap().as_str().len(), 128);
        let hash = "bsky:h:cfe65ae384de896d53424ff931fa0cf857f6a0d6";
        assert_eq!(
            fits.version_id("3mzzzzzzzzz2c").unwrap().as_str().len(),
            hash.len() + 14
        );
        let long = address(&format!("did:web:{}", "a".repeat(102)));
        assert_eq!(long.id().unwrap().as_str(), hash);
        assert_eq!(
            long.version_id("3mzzzzzzzzz2c").unwrap().as_str(),
            format!("{hash}@3mzzzzzzzzz2c")
        );
        assert_eq!(PostAddress::of_id(&long.id().unwrap()), None);
    }

    #[test]
    fn other_texts_are_no_address() {
        for uri in [
            "",
            "at://did:plc:a",
            "at://did:plc:a/app.bsky.feed.like/1",
            "at://did:plc:a/app.bsky.feed.post/",
            "at://did:plc:a/app.bsky.feed.post/1/2",
            "at://alice.example/app.bsky.feed.post/1",
        ] {
            assert_eq!(PostAddress::of_uri(uri), None, "{uri}");
        }
        assert!(address("did:plc:ä").id().is_err());
    }
}
