//! Members of X's JSON under both of their names.

use serde_json::Value;

use crate::events::MetricsPatch;
use crate::events::json::MAX_METRIC;

/// The names of a member: the older one, and the newer one.
pub(super) type Names = [&'static str; 2];

/// The ids of a post's versions, oldest first.
pub(super) const HISTORY: Names = ["edit_history_tweet_ids", "edit_history_post_ids"];
/// The posts that a post refers to.
pub(super) const REFERENCED: Names = ["referenced_tweets", "referenced_posts"];
/// The whole text of a long post.
pub(super) const NOTE: Names = ["note_tweet", "note_post"];
/// Posts beside the data.
pub(super) const INCLUDED: Names = ["tweets", "posts"];
/// The kind of a reference to the original of a repost.
const REPOSTED: Names = ["retweeted", "reposted"];
/// The number of reposts.
const REPOSTS: Names = ["retweet_count", "repost_count"];

/// The value of a member under either of its names.
pub(super) fn either(value: &Value, names: Names) -> Option<&Value> {
    let mut found = names.iter().filter_map(|name| value.get(name));
    found.find(|member| !member.is_null())
}

/// A text that is not empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The elements of a list; none when it is missing or no list.
pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The id of a post or user.
pub(in crate::sources::x) fn id_of(value: &Value) -> Option<&str> {
    text(value, "id")
}

/// The id of the first post to which `post` refers with one of these kinds.
pub(super) fn referenced<'a>(post: &'a Value, kinds: &[&str]) -> Option<&'a str> {
    let references = list(either(post, REFERENCED)).iter();
    references
        .filter(|each| text(each, "type").is_some_and(|kind| kinds.contains(&kind)))
        .find_map(id_of)
}

/// The id of the original, if the post is a repost.
pub(in crate::sources::x) fn reposted_id(post: &Value) -> Option<&str> {
    referenced(post, &REPOSTED)
}

/// The metrics of a post. Numbers that are no metrics are left out.
pub(in crate::sources::x) fn metrics_of(post: &Value) -> MetricsPatch {
    let Some(metrics) = post.get("public_metrics") else {
        return MetricsPatch::default();
    };
    let number = |value: Option<&Value>| value?.as_u64().filter(|count| *count <= MAX_METRIC);
    MetricsPatch {
        likes: number(metrics.get("like_count")),
        reposts: number(either(metrics, REPOSTS)),
        replies: number(metrics.get("reply_count")),
        quotes: number(metrics.get("quote_count")),
    }
}
