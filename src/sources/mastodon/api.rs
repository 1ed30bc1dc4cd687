//! Requests to a Mastodon server, and what its headers say.

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Client, RequestBuilder, Url};

use crate::settings::SecretText;
use crate::sources::{ConnectError, RateLimit, web};

/// The parameters of a request, by name.
pub(super) type Parameters = Vec<(String, String)>;

/// A server of requests: its address, and the token for it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: Url,
    token: Option<SecretText>,
}

impl Api {
    /// Requests to `base`, with `token` if there is one.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when TLS cannot be set up.
    pub(super) fn new(base: Url, token: Option<SecretText>) -> Result<Self, ConnectError> {
        let client = web::client(&base)?;
        Ok(Self {
            client,
            base,
            token,
        })
    }

    /// A GET of a path with parameters.
    pub(super) fn get(&self, path: &[&str], parameters: &[(String, String)]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let request = self.client.get(url);
        match &self.token {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        }
    }

    /// The query of the link with the relation `relation` in the header `Link`, such as
    /// `max_id=116`; `None` when there is no such link. Only the query is used: a server behind a
    /// proxy links to its public address.
    pub(super) fn linked_query(&self, headers: &HeaderMap, relation: &str) -> Option<String> {
        let values = headers.get_all(LINK).iter();
        let mut links = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(links_of);
        let (target, _) = links.find(|(_, attributes)| has_relation(attributes, relation))?;
        let query = self.base.join(target).ok()?.query()?.to_owned();
        (!query.is_empty()).then_some(query)
    }
}

/// The links of a header `Link`: each target with the attributes behind it.
fn links_of(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = header.split('<').skip(1);
    parts.filter_map(|part| part.split_once('>'))
}

fn has_relation(attributes: &str, relation: &str) -> bool {
    let mut attributes = attributes.split([';', ',']).map(str::trim);
    attributes.any(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or_default();
        let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
        name.trim().eq_ignore_ascii_case("rel")
            && relations.any(|each| each.eq_ignore_ascii_case(relation))
    })
}

/// True when the answer has a header `Link`.
pub(super) fn has_links(headers: &HeaderMap) -> bool {
    headers.contains_key(LINK)
}

/// The state of the rate limit after a request.
pub(super) fn rate(headers: &HeaderMap) -> Option<RateLimit> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let number = |name: &str| text(name)?.trim().parse().ok();
    Some(RateLimit {
        limit: number("x-ratelimit-limit")?,
        remaining: number("x-ratelimit-remaining")?,
        reset: web::reset_time(text("x-ratelimit-reset")?)?,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn api(base: &str) -> Api {
        crate::sources::mastodon::tests::install_tls();
        Api::new(Url::parse(base).unwrap(), Some(SecretText::new("t0ken"))).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn address_of_a_request_is_under_the_base_and_encoded() {
        for (base, url) in [
            (
                "https://m.example",
                "https://m.example/api/v1/tag/a%2Fb%3F%EA%B0%80?id%5B%5D=1%262",
            ),
            (
                "https://m.example/sub/",
                "https://m.example/sub/api/v1/tag/a%2Fb%3F%EA%B0%80?id%5B%5D=1%262",
            ),
        ] {
            let parameters = [("id[]".to_owned(), "1&2".to_owned())];
            let request = api(base).get(&["api", "v1", "tag", "a/b?가"], &parameters);
            let request = request.build().unwrap();
            assert_eq!(request.url().as_str(), url);
            assert_eq!(
                request.headers().get("authorization").unwrap(),
                "Bearer t0ken"
            );
        }
    }

    #[test]
    fn query_of_a_link_is_found_in_every_spelling() {
        let both = r#"<https://m.example/api/v1/timelines/public?limit=40&max_id=7>; rel="next", <https://m.example/api/v1/timelines/public?limit=40&min_id=9>; rel="prev""#;
        let api = api("http://127.0.0.1:1");
        for (header, relation, query) in [
            (both, "next", Some("limit=40&max_id=7")),
            (both, "prev", Some("limit=40&min_id=9")),
            (both, "first", None),
            (
                "</x?min_id=3>;title=\"a\"; REL=Prev",
                "prev",
                Some("min_id=3"),
            ),
            ("<https://m.example/>; rel=\"next\"", "next", None),
            ("no link", "next", None),
            (
                "<https://m.example/?a=1,2>; rel=\"x next\"",
                "next",
                Some("a=1,2"),
            ),
        ] {
            let headers = headers(&[("link", header)]);
            let found = api.linked_query(&headers, relation);
            assert_eq!(found.as_deref(), query, "{header} {relation}");
        }
        let two = headers(&[("link", "<?a=1>; rel=prev"), ("link", "<?b=2>; rel=next")]);
        assert_eq!(api.linked_query(&two, "next").as_deref(), Some("b=2"));
    }

    #[test]
    fn rate_limit_has_its_reset_as_a_time() {
        let found = rate(&headers(&[
            ("x-ratelimit-limit", "300"),
            ("x-ratelimit-remaining", "7"),
            ("x-ratelimit-reset", "2026-11-23T07:05:00.000000Z"),
        ]))
        .unwrap();
        assert_eq!((found.limit, found.remaining), (300, 7));
        assert_eq!(found.reset.millis(), 1_795_417_500_000);
        assert_eq!(rate(&headers(&[("x-ratelimit-limit", "300")])), None);
    }
}
