//! Searches, counts and look-ups: `/2/tweets/search/recent|all`, `/2/tweets/counts/recent|all`,
//! `/2/tweets?ids=`.

use serde_json::{Value, json};

use super::posts::{Fields, id_of, ids_of, millis, rfc3339, subject};
use super::query::Query;
use super::{Options, invalid_request};
use crate::sources::stubs::http::{Reply, Request};
use crate::sources::stubs::world::{Post, World, now_ms};

const DAY_MS: i64 = 86_400_000;
/// How far the recent search reaches back, in milliseconds.
const RECENT_MS: i64 = 7 * DAY_MS;
/// Start of the archive: 2006-03-21.
const ARCHIVE_MS: i64 = 1_142_899_200_000;

/// A checked search.
#[derive(Debug)]
struct Search {
    query: Query,
    from_ms: i64,
    to_ms: i64,
}

impl Search {
    fn of(request: &Request, options: &Options, is_recent: bool) -> Result<Self, Reply> {
        let value = request.parameter("query").unwrap_or_default();
        let limit = if is_recent {
            options.recent_chars
        } else {
            options.archive_chars
        };
        let length = value.chars().count();
        if length > limit {
            let words = format!("the query has {length} characters, and {limit} are allowed");
            return Err(invalid_request("query", &words));
        }
        let query = Query::parse(value).map_err(|why| invalid_request("query", &why.0))?;
        let time = |name: &'static str| match request.parameter(name) {
            None => Ok(None),
            Some(text) => {
                let words = format!("{text:?} is no time");
                millis(text)
                    .map(Some)
                    .ok_or_else(|| invalid_request(name, &words))
            }
        };
        let now = now_ms();
        let to_ms = time("end_time")?;
        if to_ms.is_some_and(|to| to > now - options.lag_ms) {
            let words = "'end_time' must be a minimum of 10 seconds prior to the request time";
            return Err(invalid_request("end_time", words));
        }
        let earliest = if is_recent {
            now - RECENT_MS
        } else {
            ARCHIVE_MS
        };
        let from_ms = time("start_time")?;
        // The clock goes on between the making of a request and its arrival.
        if from_ms.is_some_and(|from| from < earliest - 60_000) {
            let words = format!("'start_time' must be on or after {}", rfc3339(earliest));
            return Err(invalid_request("start_time", &words));
        }
        let default_from = if is_recent {
            earliest
        } else {
            now - 30 * DAY_MS
        };
        let search = Self {
            query,
            from_ms: from_ms.unwrap_or(default_from),
            to_ms: to_ms.unwrap_or(now - 3 * options.lag_ms),
        };
        if search.from_ms >= search.to_ms {
            return Err(invalid_request(
                "start_time",
                "'start_time' must be before 'end_time'",
            ));
        }
        Ok(search)
    }

    fn takes(&self, world: &World, post: &Post, version: usize) -> bool {
        // A search shows the newest version of an edited post.
        version + 1 == post.versions.len() && self.query.matches(&subject(world, post, version))
    }
}

/// Answers a search.
pub fn search(request: &Request, world: &World, options: &Options, is_recent: bool) -> Reply {
    let search = match Search::of(request, options, is_recent) {
        Ok(search) => search,
        Err(refused) => return refused,
    };
    let most = if is_recent { 100 } else { 500 };
    let size = request.parameter("max_results").unwrap_or("10");
    let size = size
        .parse::<usize>()
        .ok()
        .filter(|size| (10..=most).contains(size));
    let Some(size) = size else {
        return invalid_request("max_results", &format!("must be between 10 and {most}"));
    };
    let token = request.parameter("next_token");
    let begin = token.map_or(Some((search.to_ms, 0, 0)), parse_token);
    let Some(begin) = begin.filter(|_| token.is_none() || !options.refuses_tokens) else {
        return invalid_request("next_token", "the next_token is not valid");
    };
    let id = |name: &str| {
        request
            .parameter(name)
            .and_then(|id| id.parse::<i64>().ok())
    };
    let (since_id, until_id) = (id("since_id"), id("until_id"));
    let mut found: Vec<(Post, usize)> = Vec::new();
    let mut next = None;
    // Posts are cloned, since a match may ask the world for the original of a retweet.
    let mut seen = Vec::new();
    let mut below = begin;
    'pages: loop {
        seen.clear();
        world.newest_first(search.from_ms, below, |moment, post| {
            seen.push((moment, post.clone()));
            seen.len() < 512
        });
        for (moment, post) in &seen {
            let version = moment.2;
            let number: i64 = id_of(post, version).parse().unwrap();
            let is_in_ids = since_id.is_none_or(|since| number > since)
                && until_id.is_none_or(|until| number < until);
            if is_in_ids && search.takes(world, post, version) {
                if found.len() == size {
                    let (last, version) = found.last().unwrap();
                    next = Some(token_of((
                        last.versions[*version].at_ms,
                        last.number,
                        *version,
                    )));
                    break 'pages;
                }
                found.push((post.clone(), version));
            }
        }
        match seen.last() {
            Some((moment, _)) if seen.len() == 512 => below = *moment,
            _ => break,
        }
    }
    page(&Fields::of(request), world, &found, next)
}

fn page(fields: &Fields, world: &World, found: &[(Post, usize)], next: Option<String>) -> Reply {
    let mut meta = json!({ "result_count": found.len() });
    if let Some(next) = next {
        meta["next_token"] = next.into();
    }
    let (Some(newest), Some(oldest)) = (found.first(), found.last()) else {
        return Reply::json(200, &json!({ "meta": meta }));
    };
    meta["newest_id"] = id_of(&newest.0, newest.1).into();
    meta["oldest_id"] = id_of(&oldest.0, oldest.1).into();
    let data = found
        .iter()
        .map(|(post, version)| fields.post(world, post, *version));
    let mut body = json!({ "data": data.collect::<Vec<_>>(), "meta": meta });
    let posts: Vec<&Post> = found.iter().map(|(post, _)| post).collect();
    if let Some(includes) = fields.includes(world, &posts) {
        body["includes"] = includes;
    }
    Reply::json(200, &body)
}

fn token_of((ms, number, version): (i64, u64, usize)) -> String {
    format!("b{ms:x}z{number:x}z{version:x}")
}

fn parse_token(token: &str) -> Option<(i64, u64, usize)> {
    let mut parts = token.strip_prefix('b')?.split('z');
    let ms = i64::from_str_radix(parts.next()?, 16).ok()?;
    let number = u64::from_str_radix(parts.next()?, 16).ok()?;
    let version = usize::from_str_radix(parts.next()?, 16).ok()?;
    Some((ms, number, version))
}

/// Answers counts.
pub fn counts(request: &Request, world: &World, options: &Options, is_recent: bool) -> Reply {
    let search = match Search::of(request, options, is_recent) {
        Ok(search) => search,
        Err(refused) => return refused,
    };
    let step = match request.parameter("granularity").unwrap_or("hour") {
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => DAY_MS,
        other => return invalid_request("granularity", &format!("{other:?} is unknown")),
    };
    let mut seen = Vec::new();
    world.newest_first(search.from_ms, (search.to_ms, 0, 0), |moment, post| {
        seen.push((moment.0, moment.2, post.clone()));
        true
    });
    let taken = seen.iter();
    let times: Vec<i64> = taken
        .filter(|(_, version, post)| search.takes(world, post, *version))
        .map(|(ms, _, _)| *ms)
        .collect();
    let mut data = Vec::new();
    let mut start = search.from_ms;
    while start < search.to_ms {
        let end = (start.div_euclid(step) * step + step).min(search.to_ms);
        let count = times.iter().filter(|ms| (start..end).contains(*ms)).count();
        let (from, to) = (rfc3339(start), rfc3339(end));
        data.push(json!({ "start": from, "end": to, "tweet_count": count }));
        start = end;
    }
    let meta = json!({ "total_tweet_count": times.len() });
    Reply::json(200, &json!({ "data": data, "meta": meta }))
}

/// Answers a look-up of ids.
pub fn lookup(request: &Request, world: &World) -> Reply {
    let ids: Vec<&str> = request
        .parameter("ids")
        .unwrap_or_default()
        .split(',')
        .collect();
    if ids.len() > 100 {
        return invalid_request("ids", "at most 100 ids are allowed");
    }
    let fields = Fields::of(request);
    let posts = world.posts();
    let (mut data, mut errors): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for id in ids {
        let found = posts
            .iter()
            .filter(|post| !post.is_deleted())
            .find_map(|post| {
                let version = ids_of(post).iter().position(|one| one == id)?;
                Some((post, version))
            });
        match found {
            Some((post, version)) => data.push(fields.post(world, post, version)),
            None => errors.push(json!({
                "value": id, "title": "Not Found Error", "resource_type": "tweet",
                "detail": format!("Could not find tweet with ids: [{id}]."),
                "parameter": "ids", "resource_id": id,
                "type": "https://api.x.com/2/problems/resource-not-found",
            })),
        }
    }
    let mut body = json!({});
    if !data.is_empty() {
        body["data"] = data.into();
    }
    if !errors.is_empty() {
        body["errors"] = errors.into();
    }
    Reply::json(200, &body)
}
