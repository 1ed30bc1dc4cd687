//! [`Encoding`]: how a file is compressed.

use axum::http::{HeaderMap, header};

/// How the bytes of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes are not compressed.
    Identity,
    /// Compressed with gzip: content coding `gzip`.
    Gzip,
    /// Compressed with Brotli: content coding `br`.
    Brotli,
}

impl Encoding {
    /// The encodings that a client accepts, the best first.
    pub fn accepted(headers: &HeaderMap) -> Vec<Self> {
        let named = |name: &str| {
            let lists = headers.get_all(header::ACCEPT_ENCODING).iter();
            lists
                .filter_map(|list| list.to_str().ok())
                .flat_map(|list| list.split(','))
                .any(|entry| is_accepted(entry, name))
        };
        let mut accepted = Vec::new();
        if named("br") {
            accepted.push(Self::Brotli);
        }
        if named("gzip") {
            accepted.push(Self::Gzip);
        }
        accepted.push(Self::Identity);
        accepted
    }

    /// The name in `Content-Encoding`; `None` for identity.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// The ending of the name of a compressed file.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => ".gz",
            Self::Brotli => ".br",
        }
    }
}

/// Whether an entry such as `br;q=0.8` accepts an encoding. A weight of 0 excludes it.
fn is_accepted(entry: &str, name: &str) -> bool {
    let mut parts = entry.split(';').map(str::trim);
    let is_named = (parts.next()).is_some_and(|coding| coding.eq_ignore_ascii_case(name));
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    let is_excluded = weight.is_some_and(|weight| weight.parse::<f64>().is_ok_and(|q| q <= 0.0));
    is_named && !is_excluded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_comes_before_gzip_and_a_weight_of_zero_excludes() {
        let accepted = |text: &str| {
            let value = text.parse().unwrap();
            Encoding::accepted(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]))
        };
        use Encoding::{Brotli, Gzip, Identity};
        assert_eq!(accepted("gzip, deflate, br"), [Brotli, Gzip, Identity]);
        assert_eq!(accepted("br;q=0, GZIP;q=0.5"), [Gzip, Identity]);
        assert_eq!(accepted("brotli"), [Identity]);
        assert_eq!(Encoding::accepted(&HeaderMap::new()), [Identity]);
    }
}
