//! Folds that wait until a test lets them continue.

use std::sync::{Arc, Condvar, Mutex};

use tidings::actors::engine::{FoldStep, fold_step};
use tidings::events::Sequence;

/// Holds folds back at a position until the gate is opened further.
#[derive(Debug, Default)]
pub struct Gate {
    open_to: Mutex<Sequence>,
    opened: Condvar,
}

impl Gate {
    /// A closed gate. It opens when the opener is dropped, so that the actors of a failed test end.
    pub fn closed() -> (Arc<Self>, Opener) {
        let gate = Arc::<Self>::default();
        (Arc::clone(&gate), Opener(gate))
    }

    pub fn fold(self: &Arc<Self>) -> FoldStep {
        let (gate, fold) = (Arc::clone(self), fold_step());
        Arc::new(move |view, rows, keyword, envelope| {
            gate.pass(envelope.sequence);
            fold(view, rows, keyword, envelope)
        })
    }

    /// Waits until the gate is open to this position.
    pub fn pass(&self, position: Sequence) {
        let is_closed = |to: &mut Sequence| *to < position;
        // Tokio moves the other tasks of this thread to another thread.
        tokio::task::block_in_place(|| {
            let open = self.open_to.lock().unwrap();
            drop(self.opened.wait_while(open, is_closed).unwrap());
        });
    }

    pub fn open_to(&self, position: Sequence) {
        *self.open_to.lock().unwrap() = position;
        self.opened.notify_all();
    }

    pub fn open(&self) {
        self.open_to(Sequence::new(u64::MAX));
    }
}

/// Opens its gate when it is dropped.
#[derive(Debug)]
pub struct Opener(Arc<Gate>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}
