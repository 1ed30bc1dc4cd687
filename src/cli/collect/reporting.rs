//! The ledger and the report, where a command keeps them itself.

use crate::sources::{Ledger, Outcome, Report};

/// Counts a settled record. Sent records count as journaled; the destination says for a batch how
/// many of them match no keyword.
pub(super) const fn count(ledger: &mut Ledger, outcome: &Outcome) {
    let count = match outcome {
        Outcome::Sent => &mut ledger.journaled,
        Outcome::Unmatched => &mut ledger.unmatched,
        Outcome::Duplicate => &mut ledger.duplicate,
        Outcome::Rejected(_) => &mut ledger.rejected,
        Outcome::Control => &mut ledger.control,
    };
    *count = count.saturating_add(1);
}

/// Puts the counts of a ledger into a report.
pub(super) fn take_ledger(report: &mut Report, ledger: Ledger, waiting: u64) {
    report.received = ledger.received(waiting);
    report.journaled = ledger.journaled;
    report.unmatched = ledger.unmatched;
    report.duplicate = ledger.duplicate;
    report.rejected = ledger.rejected;
    report.control = ledger.control;
    report.waiting = waiting;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::SourceKind;

    #[test]
    fn counts_of_a_report_add_up_without_control_records() {
        let mut ledger = Ledger::default();
        for outcome in [
            Outcome::Sent,
            Outcome::Unmatched,
            Outcome::Duplicate,
            Outcome::Control,
            Outcome::Rejected("no text".to_owned()),
        ] {
            count(&mut ledger, &outcome);
        }
        let mut report = Report::starting("posts", SourceKind::File, "i-1");
        take_ledger(&mut report, ledger, 2);
        let counts = (report.journaled, report.unmatched, report.duplicate);
        assert_eq!(counts, (1, 1, 1));
        let others = (report.rejected, report.control, report.waiting);
        assert_eq!((others, report.received), ((1, 1, 2), 6));
    }
}
