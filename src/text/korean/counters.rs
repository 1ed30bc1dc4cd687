//! Counters and units after a number.

use super::super::lexicon::SYLLABLE;
use super::eojeol::Eojeol;

/// Counters and units.
const COUNTERS: &str = "년 월 일 시 분 초 주 개 명 원 만 억 천 조 번 위 회 차 살 세 대 호 층 편 점 배 권 도 \
    장 병 잔 벌 마리 개월 시간 주년 년대 년생 년차 만원 천원 억원 번째 만명 천명 퍼센트 \
    프로 킬로 미터 라운드 부작 인분 학년 주차 일차 만개 연패 연승 점대 단계";

/// Whether a run after a number is a counter, followed by a text that may follow it.
pub(super) fn counts(eojeol: &mut Eojeol<'_>) -> bool {
    eojeol.rest(0).is_some() || counters(eojeol.from(0)).any(|length| eojeol.rest(length).is_some())
}

/// Length of the longest counter at the beginning of the run, in syllables.
pub(super) fn counter(run: &str) -> Option<usize> {
    counters(run).max()
}

fn counters(run: &str) -> impl Iterator<Item = usize> {
    let fitting = COUNTERS
        .split(' ')
        .filter(move |counter| run.starts_with(counter));
    fitting.map(|counter| counter.len() / SYLLABLE)
}
