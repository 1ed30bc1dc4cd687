//! Request bodies: checks their type, and discards the rest of a body that is not read to its end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::byte_pace::BytePace;
use super::problem::{Problem, shortened};

/// Checks that a body has the type `right`, is in UTF-8 and is not compressed.
///
/// # Errors
/// [`Problem::UnsupportedMediaType`] otherwise.
pub fn check_type(headers: &HeaderMap, right: &'static str) -> Result<(), Problem> {
    let wrong = |found: String| Err(Problem::UnsupportedMediaType { found, right });
    let text = |value: &HeaderValue| shortened(&String::from_utf8_lossy(value.as_bytes()));
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return wrong(format!("compressed ({})", text(coding)));
    }
    let Some(found) = headers.get(header::CONTENT_TYPE) else {
        return wrong("without a Content-Type".to_owned());
    };
    let given = String::from_utf8_lossy(found.as_bytes()).to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let is_right = parts.next() == Some(right);
    let is_utf_8 = parts
        .filter_map(|part| part.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
    if is_right && is_utf_8 {
        Ok(())
    } else {
        wrong(text(found))
    }
}

/// A request body. If it is dropped before its end, a task reads and discards the rest. Otherwise a
/// client that is still sending would get a reset instead of the answer that refuses its request.
#[derive(Debug)]
pub struct Lingering {
    body: Option<Body>,
    pace: BytePace,
}

impl Lingering {
    /// Maximum number of discarded bytes of one body.
    const MAX_DISCARDED_BYTES: u64 = 64 * 1024 * 1024;
    /// Maximum time for discarding one body.
    const TIME: Duration = Duration::from_secs(5);

    /// Wraps a body. A body with `Expect: 100-continue` is not wrapped, because the client sends
    /// nothing before the server asks for it.
    pub fn wrap(headers: &HeaderMap, body: Body, pace: &BytePace) -> Body {
        if headers.contains_key(header::EXPECT) || body.is_end_stream() {
            return body;
        }
        Body::new(Self {
            body: Some(body),
            pace: pace.clone(),
        })
    }
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| hyper::body::SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        // Without a runtime there is no connection to read from.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let pace = self.pace.clone();
        runtime.spawn(timeout(Self::TIME, async move {
            let mut left = Self::MAX_DISCARDED_BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                left = left.saturating_sub(bytes);
                if left == 0 {
                    break;
                }
                pace.took(bytes).await;
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn a_type_may_have_a_charset_but_only_utf_8() {
        const RIGHT: &str = "application/x-ndjson";
        let check = |value: &str| check_type(&headers(&[("content-type", value)]), RIGHT);
        for fine in [
            "application/x-ndjson",
            "Application/X-NDJSON; charset=UTF-8",
            "application/x-ndjson;charset=\"utf-8\"",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "application/json",
            "application/x-ndjson; charset=euc-kr",
            "text/plain",
            "",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(check_type(&HeaderMap::new(), RIGHT).is_err());
        let packed = headers(&[
            ("content-type", "application/x-ndjson"),
            ("content-encoding", "gzip"),
        ]);
        assert!(check_type(&packed, RIGHT).is_err());
    }
}
