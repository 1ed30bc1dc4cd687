//! Leases in a bucket whose faults a test chooses.

use std::collections::BTreeMap;

use super::*;

/// A bucket in memory, whose values do not expire by themselves.
#[derive(Debug, Default)]
struct Bucket(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    values: BTreeMap<String, Revised>,
    sequence: u64,
    /// Requests are not answered.
    hangs: bool,
    /// Number of writes that are stored and not acknowledged.
    unacknowledged: u32,
}

impl Bucket {
    /// The lease of the source ends, as it does at its time.
    fn expire(&self) {
        let mut kept = self.0.lock();
        kept.sequence += 1;
        let revision = kept.sequence;
        let ended = Revised {
            revision,
            ..Revised::default()
        };
        kept.values.insert("sources.x".to_owned(), ended);
    }

    async fn answers(&self) {
        if self.0.lock().hangs {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl LeaseBucket for Bucket {
    async fn read(&self, key: &str) -> Result<Revised, JournalError> {
        self.answers().await;
        Ok(self.0.lock().values.get(key).cloned().unwrap_or_default())
    }

    async fn write(
        &self,
        key: &str,
        value: Bytes,
        terms: WriteTerms,
    ) -> Result<Option<u64>, JournalError> {
        self.answers().await;
        let is_acknowledged = {
            let mut kept = self.0.lock();
            let revision = kept.values.get(key).map_or(0, |known| known.revision);
            if revision != terms.revision {
                return Ok(None);
            }
            kept.sequence += 1;
            let written = Revised {
                value: (!value.is_empty()).then_some(value),
                revision: kept.sequence,
                lease: terms.lease,
            };
            kept.values.insert(key.to_owned(), written);
            let is_acknowledged = kept.unacknowledged == 0;
            kept.unacknowledged = kept.unacknowledged.saturating_sub(1);
            is_acknowledged
        };
        if !is_acknowledged {
            std::future::pending::<()>().await;
        }
        Ok(self.0.lock().values.get(key).map(|known| known.revision))
    }

    async fn remove(&self, key: &str, revision: u64) -> Result<bool, JournalError> {
        let terms = WriteTerms {
            revision,
            ..WriteTerms::default()
        };
        Ok(self.write(key, Bytes::new(), terms).await?.is_some())
    }
}

/// The same source on two servers.
fn two() -> (Arc<Bucket>, SharedSource, SharedSource) {
    let bucket = Arc::new(Bucket::default());
    let of = |instance: &str| {
        let name = SourceName::parse("x").unwrap();
        SharedSource::new(bucket.clone(), name, instance.to_owned())
    };
    let (one, two) = (of("one"), of("two"));
    (bucket, one, two)
}

fn at_cursor(cursor: u64) -> Checkpoint {
    Checkpoint {
        cursor: Some(cursor),
        ..Checkpoint::default()
    }
}

async fn cursor(source: &SharedSource) -> Option<u64> {
    source.checkpoint().await.unwrap().unwrap().cursor
}

#[tokio::test(start_paused = true)]
async fn holder_that_gets_no_answer_gives_up_seven_seconds_after_its_last_renewal() {
    let (bucket, one, _) = two();
    assert!(one.try_take().await.unwrap());
    bucket.0.lock().hangs = true;
    let begun = Instant::now();
    one.keep().await;
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
    assert!(!one.is_held());
    assert!(!one.save(at_cursor(1)).await);
}

#[tokio::test(start_paused = true)]
async fn lease_is_kept_when_a_renewal_is_stored_without_acknowledgement() {
    let (bucket, one, two) = two();
    assert!(one.try_take().await.unwrap());
    bucket.0.lock().unacknowledged = 1;
    let kept = timeout(Duration::from_secs(60), one.keep()).await;
    assert!(kept.is_err());
    assert!(one.is_held());
    assert!(!two.try_take().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn lease_that_was_taken_without_acknowledgement_is_taken_over() {
    let (bucket, one, _) = two();
    bucket.0.lock().unacknowledged = 1;
    let (_running, mut stop) = watch::channel(false);
    assert!(one.take(&mut stop).await);
}

#[tokio::test(start_paused = true)]
async fn second_server_takes_an_ended_lease_within_a_second_and_the_first_one_loses_it() {
    let (bucket, one, two) = two();
    assert!(one.try_take().await.unwrap());
    let (_running, mut stop) = watch::channel(false);
    let taking = tokio::spawn(async move { two.take(&mut stop).await });
    sleep(Duration::from_millis(1_500)).await;
    bucket.expire();
    let ended = Instant::now();
    assert!(taking.await.unwrap());
    assert!(ended.elapsed() <= TRY_EVERY);
    one.keep().await;
    assert!(!one.is_held());
}

#[tokio::test(start_paused = true)]
async fn server_that_stops_takes_no_lease() {
    let (_, one, _) = two();
    let (stops, mut stop) = watch::channel(false);
    stops.send_replace(true);
    assert!(!one.take(&mut stop).await);
}

#[tokio::test(start_paused = true)]
async fn checkpoint_of_an_earlier_lease_never_replaces_a_later_one() {
    let (bucket, one, two) = two();
    assert!(one.try_take().await.unwrap());
    assert!(one.save(at_cursor(1)).await);
    bucket.expire();
    assert!(two.try_take().await.unwrap());
    assert_eq!(cursor(&two).await, Some(1));
    // The first server has not noticed its loss, and writes once more.
    assert!(one.save(at_cursor(2)).await);
    assert!(two.save(at_cursor(3)).await);
    assert!(!one.save(at_cursor(4)).await);
    assert!(!one.is_held());
    assert_eq!(cursor(&two).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn checkpoint_without_acknowledgement_is_followed_by_the_next_one() {
    let (bucket, one, _) = two();
    assert!(one.try_take().await.unwrap());
    bucket.0.lock().unacknowledged = 1;
    assert!(!one.save(at_cursor(1)).await);
    assert!(one.save(at_cursor(2)).await);
    assert_eq!(cursor(&one).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn given_back_lease_is_free_and_that_of_another_server_stays() {
    let (_, one, two) = two();
    assert!(one.try_take().await.unwrap());
    two.give_back().await;
    assert!(!two.try_take().await.unwrap());
    one.give_back().await;
    assert!(two.try_take().await.unwrap());
}
