//! Tests spikes of simulated keywords: planted bursts are found, and ordinary lives have no spikes.

use super::hourly_counts::HourlyCounts;
use super::lives::{Burst, Chance, Life, Noise, clock, day};
use super::search::{Stretch, search};
use super::settings::SpikeSettings;
use crate::projections::statistics::deviance;

/// An hour that begins at midnight UTC on a Monday.
const START: i64 = 24 * 20_776;
const WEEK: i64 = 168;
const SIX_WEEKS: i64 = 6 * WEEK;
const SEEDS: [u64; 3] = [1, 2, 3];
const BASES: [f64; 3] = [2.0, 12.0, 60.0];

/// All spikes of a keyword with these numbers of tweets per hour.
fn spikes_of(counts: &[u64]) -> Vec<Stretch> {
    let end = START + i64::try_from(counts.len()).unwrap();
    spikes_between(counts, START, end)
}

/// The spikes that overlap the hours `from..to`.
fn spikes_between(counts: &[u64], from: i64, to: i64) -> Vec<Stretch> {
    let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
    let oldest = START + i64::try_from(first).unwrap();
    let read = |from: i64, to: i64| {
        let count = |hour: i64| {
            let position = usize::try_from(hour - START).ok()?;
            counts.get(position).copied()
        };
        let counts = (from..to).map(|hour| count(hour).unwrap_or(0)).collect();
        Ok::<_, std::convert::Infallible>(HourlyCounts::new(from, counts))
    };
    search(read, oldest, (from, to), &SpikeSettings::default()).unwrap()
}

fn overlap(spike: &Stretch, burst: &Burst) -> bool {
    let first = (spike.first - START) as f64;
    let end = (spike.last + 1 - START) as f64;
    burst.start < end && first < burst.start + burst.hours
}

/// Number of bursts that overlap a spike.
fn found(spikes: &[Stretch], bursts: &[Burst]) -> usize {
    let is_found = |burst: &&Burst| spikes.iter().any(|spike| overlap(spike, burst));
    bursts.iter().filter(is_found).count()
}

/// Number of spikes after the first two weeks that overlap no burst.
fn false_alarms(spikes: &[Stretch], bursts: &[Burst]) -> usize {
    let late = spikes
        .iter()
        .filter(|spike| spike.first >= START + 2 * WEEK);
    let is_false = |spike: &&Stretch| !bursts.iter().any(|burst| overlap(spike, burst));
    late.filter(is_false).count()
}

fn weekend(hour: f64, factor: f64) -> f64 {
    if clock(hour).1 >= 5 { factor } else { 1.0 }
}

/// Eight bursts of one to three whole hours, on different days after the second week.
fn eight_bursts(seed: u64) -> Vec<Burst> {
    let mut chance = Chance::new(1_000 + seed);
    let mut days: Vec<u64> = Vec::new();
    while days.len() < 8 {
        let day = 14 + chance.below(28);
        if !days.contains(&day) {
            days.push(day);
        }
    }
    let burst = |day: u64| Burst {
        start: (24 * day + chance.below(21)) as f64,
        hours: (1 + chance.below(3)) as f64,
        factor: 5.0,
        least: 25.0,
    };
    days.into_iter().map(burst).collect()
}

/// Plants eight bursts into a keyword of each base rate and seed, and asserts that at least seven
/// are found, with at most one false alarm.
fn plant(noise: Noise, depth: f64, weekend_factor: f64, growth: f64) {
    for base in BASES {
        let rate = |hour: f64| {
            let grown = (hour / SIX_WEEKS as f64 * growth.ln()).exp();
            base * day(hour, depth) * weekend(hour, weekend_factor) * grown
        };
        for seed in SEEDS {
            let life = Life {
                hours: SIX_WEEKS,
                rate: &rate,
                noise,
                bursts: eight_bursts(seed),
            };
            let spikes = spikes_of(&life.live(seed));
            let (found, alarms) = (
                found(&spikes, &life.bursts),
                false_alarms(&spikes, &life.bursts),
            );
            assert!(
                found >= 7 && alarms <= 1,
                "{noise:?} {base} an hour, seed {seed}: {found} found, {alarms} false"
            );
        }
    }
}

#[test]
fn planted_bursts_are_found_in_a_steady_course() {
    plant(Noise::Poisson, 0.5, 0.7, 1.0);
}

#[test]
fn planted_bursts_are_found_with_growth_and_quiet_nights() {
    plant(Noise::Poisson, 0.8, 0.6, 1.5);
}

#[test]
fn planted_bursts_are_found_when_weekends_differ_much() {
    plant(Noise::Poisson, 0.9, 0.3, 2.0);
    plant(Noise::Poisson, 0.8, 1.5, 3.0);
}

#[test]
fn planted_bursts_are_found_among_some_reposts() {
    plant(Noise::Reposts(0.15), 0.6, 0.7, 1.3);
}

/// Simulates a keyword without bursts for each base rate and seed, and asserts that at most one
/// spike is found in it.
fn live_ordinarily(name: &str, noise: Noise, course: impl Fn(f64) -> f64) {
    for base in BASES {
        let rate = |hour: f64| base * course(hour);
        for seed in SEEDS {
            let life = Life {
                hours: SIX_WEEKS,
                rate: &rate,
                noise,
                bursts: Vec::new(),
            };
            let alarms = false_alarms(&spikes_of(&life.live(seed)), &[]);
            assert!(
                alarms <= 1,
                "{name}, {base} an hour, seed {seed}: {alarms} false alarms"
            );
        }
    }
}

/// The rhythm of a day and of a week, as a factor of the rate.
fn rhythm(hour: f64) -> f64 {
    day(hour, 0.7) * weekend(hour, 0.6)
}

/// `1.0` before an hour in the fourth week, `later` from then on.
fn step(hour: f64, later: f64) -> f64 {
    if hour < 610.0 { 1.0 } else { later }
}

#[test]
fn rhythm_growth_and_decline_are_ordinary() {
    let grown = |hour: f64, factor: f64| (hour / 1_008.0 * factor.ln()).exp();
    live_ordinarily("rhythm", Noise::Poisson, rhythm);
    live_ordinarily("growth", Noise::Poisson, |hour| {
        rhythm(hour) * grown(hour, 3.0)
    });
    live_ordinarily("decline", Noise::Poisson, |hour| {
        rhythm(hour) * grown(hour, 0.25)
    });
    live_ordinarily("busy weekends", Noise::Poisson, |hour| {
        day(hour, 0.5) * weekend(hour, 4.0)
    });
    live_ordinarily("quiet weekends", Noise::Poisson, |hour| {
        day(hour, 0.5) * weekend(hour, 0.25)
    });
    live_ordinarily("dead nights", Noise::Poisson, |hour| {
        if clock(hour).0 < 7.0 { 0.0 } else { 1.4 }
    });
}

#[test]
fn regular_shows_are_ordinary() {
    live_ordinarily("a weekly show", Noise::Poisson, |hour| {
        let (of_day, weekday) = clock(hour);
        let on_air = weekday == 5 && (12.0..14.0).contains(&of_day);
        day(hour, 0.5) * if on_air { 8.0 } else { 1.0 }
    });
    live_ordinarily("a daily show", Noise::Poisson, |hour| {
        let on_air = (12.0..13.0).contains(&clock(hour).0);
        day(hour, 0.5) * if on_air { 8.0 } else { 1.0 }
    });
}

#[test]
fn new_levels_are_at_most_one_spike() {
    live_ordinarily("doubling", Noise::Poisson, |hour| {
        rhythm(hour) * step(hour, 2.0)
    });
    live_ordinarily("halving", Noise::Poisson, |hour| {
        rhythm(hour) * step(hour, 0.5)
    });
    live_ordinarily("two silent days", Noise::Poisson, |hour| {
        let is_silent = (610.0..658.0).contains(&hour);
        if is_silent { 0.0 } else { rhythm(hour) }
    });
    live_ordinarily("other clocks", Noise::Poisson, |hour| {
        rhythm(if hour < 672.0 { hour } else { hour + 1.0 })
    });
}

#[test]
fn counts_that_scatter_widely_are_ordinary() {
    live_ordinarily("negative binomial", Noise::Gamma(10), rhythm);
    live_ordinarily("clumps", Noise::Clumps(2.0), rhythm);
    live_ordinarily("reposts", Noise::Reposts(0.3), rhythm);
    live_ordinarily("good and bad days", Noise::Days(30), rhythm);
    live_ordinarily("clumps that double", Noise::Clumps(2.0), |hour| {
        rhythm(hour) * step(hour, 2.0)
    });
}

#[test]
fn few_clumps_are_ordinary() {
    let rate = |hour: f64| 2.0 * rhythm(hour);
    for seed in 0..20 {
        let life = Life {
            hours: SIX_WEEKS,
            rate: &rate,
            noise: Noise::Clumps(3.0),
            bursts: Vec::new(),
        };
        let alarms = false_alarms(&spikes_of(&life.live(seed)), &[]);
        assert!(alarms <= 1, "seed {seed}: {alarms} false alarms");
    }
}

#[test]
fn nearly_silent_keywords_are_ordinary() {
    // The base rates are 2, 12 and 60.
    live_ordinarily("few", Noise::Poisson, |_| 0.01);
    live_ordinarily("few clumps", Noise::Clumps(3.0), |_| 0.004);
}

/// Six weeks with `usual` tweets in each hour, and with more in the hours of `more`.
fn steady(usual: u64, more: &[(i64, u64)]) -> Vec<u64> {
    let mut counts = vec![usual; usize::try_from(SIX_WEEKS).unwrap()];
    counts[0] = counts[0].max(1);
    for (hour, count) in more {
        counts[usize::try_from(*hour).unwrap()] += count;
    }
    counts
}

fn hours(spikes: &[Stretch]) -> Vec<(i64, i64, i64)> {
    let hours = |spike: &Stretch| (spike.first - START, spike.last - START, spike.peak - START);
    spikes.iter().map(hours).collect()
}

#[test]
fn burst_in_a_silent_keyword_is_a_spike_with_these_figures() {
    let spikes = spikes_of(&steady(0, &[(700, 20), (701, 40)]));
    assert_eq!(hours(&spikes), [(700, 701, 701)]);
    let spike = spikes[0];
    assert_eq!(
        (spike.count, spike.expected.to_string()),
        (60, "0.0".into())
    );
    // At least half a tweet an hour is taken as expected: 2·(60·ln 60 − 59).
    assert_eq!(spike.score.to_string(), "373.321");
}

#[test]
fn score_follows_from_count_and_expected() {
    let spikes = spikes_of(&steady(10, &[(700, 50), (701, 90), (702, 90)]));
    assert_eq!(hours(&spikes), [(700, 702, 701)]);
    let spike = spikes[0];
    assert_eq!(
        (spike.count, spike.expected.to_string()),
        (260, "30.0".into())
    );
    // 2·(260·ln(260/30) − 230)
    assert_eq!(spike.score.to_string(), "662.932");
    assert_eq!(spike.score, deviance(260, 30_000));
}

#[test]
fn gap_of_two_hours_is_one_spike_and_of_three_hours_two() {
    let counts = steady(10, &[(700, 90), (703, 90), (707, 90)]);
    assert_eq!(
        hours(&spikes_of(&counts)),
        [(700, 703, 700), (707, 707, 707)]
    );
}

#[test]
fn tail_below_the_threshold_belongs_to_the_spike() {
    let counts = steady(20, &[(700, 100), (701, 25), (702, 20), (703, 5)]);
    assert_eq!(hours(&spikes_of(&counts)), [(700, 702, 700)]);
    // The second of these hours is no spike by itself.
    let tail = steady(20, &[(701, 25), (702, 20)]);
    assert_eq!(hours(&spikes_of(&tail)), []);
}

#[test]
fn earlier_spikes_do_not_raise_what_is_expected() {
    let same_hour_of_the_week = [(700 - WEEK, 200), (700, 200)];
    let spikes = spikes_of(&steady(10, &same_hour_of_the_week));
    assert_eq!(hours(&spikes), [(532, 532, 532), (700, 700, 700)]);
    assert!(
        spikes
            .iter()
            .all(|spike| spike.expected.to_string() == "10.0")
    );
}

#[test]
fn first_seven_days_have_no_spike() {
    let counts = steady(5, &[(150, 400), (167, 400), (168, 400)]);
    assert_eq!(hours(&spikes_of(&counts)), [(168, 168, 168)]);
}

#[test]
fn spike_disappears_when_counts_become_lower() {
    let mut counts = steady(5, &[(700, 60)]);
    assert_eq!(spikes_of(&counts).len(), 1);
    counts[700] = 8;
    assert_eq!(hours(&spikes_of(&counts)), []);
}

#[test]
fn queries_of_any_span_return_the_same_whole_spikes() {
    let long: Vec<(i64, u64)> = (600..690).map(|hour| (hour, 900)).collect();
    let mut bursts = vec![(300, 60), (500, 60), (502, 70)];
    bursts.extend(long);
    let counts = steady(12, &bursts);
    let all = spikes_of(&counts);
    assert!(all.len() >= 3);
    for (from, to) in [
        (0, 1_008),
        (501, 502),
        (499, 500),
        (640, 641),
        (0, 600),
        (703, 1_008),
    ] {
        let (from, to) = (START + from, START + to);
        let expected: Vec<Stretch> = all
            .iter()
            .filter(|spike| spike.first < to && from <= spike.last)
            .copied()
            .collect();
        assert_eq!(spikes_between(&counts, from, to), expected, "{from} {to}");
    }
}

#[test]
fn any_short_span_has_the_spikes_that_overlap_it() {
    // A slow rise, a lone warm hour, two hours that are hot together, and a spike with gaps.
    let rise = [(300, 8), (302, 9), (305, 40), (320, 9)];
    let pair = [(400, 12), (401, 12)];
    let gaps = [(500, 8), (503, 8), (506, 25), (509, 8), (512, 7)];
    let counts = steady(3, &[&rise[..], &pair[..], &gaps[..]].concat());
    let all = spikes_of(&counts);
    assert_eq!(
        hours(&all),
        [(300, 305, 305), (400, 401, 400), (500, 512, 506)]
    );
    for length in [1, 4, 24] {
        for from in (270..520).step_by(if length == 24 { 5 } else { 1 }) {
            let (from, to) = (START + from, START + from + length);
            let overlapping = all
                .iter()
                .filter(|spike| spike.first < to && from <= spike.last)
                .copied();
            let expected: Vec<Stretch> = overlapping.collect();
            assert_eq!(spikes_between(&counts, from, to), expected, "{from} {to}");
        }
    }
}
