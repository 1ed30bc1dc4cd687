//! Collectors inside a server: one supervised actor each.
//!
//! An actor makes its collector and runs it. When the collector ends with an error, or panics, the
//! actor fails, and the supervisor starts it again after a pause that grows with each failure. The
//! collector goes on from its checkpoint.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::CollectorError;
use crate::telemetry::whole;

/// The pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A collector that ran for this long before it failed counts as one that fails for the first time.
const STEADY: Duration = Duration::from_secs(10 * 60);
/// Time limit for all collectors to stop. The server has ten seconds for all its parts.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// Makes and runs one collector, again after each failure.
#[async_trait]
pub trait RunCollector: Send + Sync + std::fmt::Debug + 'static {
    /// The name of the source.
    fn name(&self) -> &str;

    /// Runs a collector until `stop` becomes true.
    ///
    /// # Errors
    /// [`CollectorError`].
    async fn run(&self, stop: watch::Receiver<bool>) -> Result<(), CollectorError>;
}

/// The supervisor of the collectors could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the collectors could not be started: {0}")]
pub struct CollectorsStartError(#[from] SpawnErr);

/// The collectors of a server.
#[derive(Debug)]
pub struct Collectors {
    supervisor: ActorRef<SupervisorMessage>,
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Collectors {
    /// Starts a collector for each of these.
    ///
    /// # Errors
    /// [`CollectorsStartError`].
    pub async fn start(runs: Vec<Arc<dyn RunCollector>>) -> Result<Self, CollectorsStartError> {
        let stop = watch::channel(false).0;
        let arguments = (runs, stop.subscribe());
        let (supervisor, task) = Actor::spawn(None, CollectorSupervisor, arguments).await?;
        Ok(Self {
            supervisor,
            task,
            stop,
        })
    }

    /// Stops all collectors: they read no more, send what was read, and write their checkpoints.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // This fails when the supervisor has ended already.
        let _ = self.supervisor.send_message(SupervisorMessage::Stop);
        if tokio::time::timeout(STOP_WITHIN, self.task).await.is_err() {
            tracing::warn!("collectors did not stop in time; they go on from their checkpoints");
            self.supervisor.kill();
        }
    }
}

struct CollectorSupervisor;

enum SupervisorMessage {
    /// The pause after a failure of this collector is over.
    Restart(usize),
    /// The supervisor ends when all collectors have ended.
    Stop,
}

struct Supervised {
    runs: Vec<Arc<dyn RunCollector>>,
    stop: watch::Receiver<bool>,
    /// The collectors that run, by their actors, and since when.
    running: HashMap<ActorId, (usize, Instant)>,
    failures: Vec<u32>,
}

impl Actor for CollectorSupervisor {
    type Msg = SupervisorMessage;
    type State = Supervised;
    type Arguments = (Vec<Arc<dyn RunCollector>>, watch::Receiver<bool>);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (runs, stop): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mut supervised = Supervised {
            failures: vec![0; runs.len()],
            runs,
            stop,
            running: HashMap::new(),
        };
        for index in 0..supervised.runs.len() {
            supervised.start(index, &myself).await?;
        }
        Ok(supervised)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisorMessage::Restart(index) = message
            && !*state.stop.borrow()
        {
            state.start(index, &myself).await?;
        }
        state.stop_when_empty(&myself);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(actor, reason) => {
                if let Some((index, since)) = state.running.remove(&actor.get_id()) {
                    state.failed(index, since.elapsed(), &reason.to_string(), &myself);
                }
            }
            SupervisionEvent::ActorTerminated(actor, _, _) => {
                state.running.remove(&actor.get_id());
                state.stop_when_empty(&myself);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Supervised {
    async fn start(
        &mut self,
        index: usize,
        supervisor: &ActorRef<SupervisorMessage>,
    ) -> Result<(), SpawnErr> {
        let Some(run) = self.runs.get(index) else {
            return Ok(());
        };
        let arguments = (Arc::clone(run), self.stop.clone());
        let cell = supervisor.get_cell();
        let (actor, _) = Actor::spawn_linked(None, CollectorActor, arguments, cell).await?;
        self.running.insert(actor.get_id(), (index, Instant::now()));
        Ok(())
    }

    /// A collector failed after this time: starts it again after a pause, unless all collectors
    /// stop.
    fn failed(
        &mut self,
        index: usize,
        ran: Duration,
        reason: &str,
        supervisor: &ActorRef<SupervisorMessage>,
    ) {
        let name = self.runs.get(index).map_or("", |run| run.name());
        if *self.stop.borrow() {
            tracing::error!(source = name, reason, "a collector failed while it stopped");
            self.stop_when_empty(supervisor);
            return;
        }
        let failures = self.failures.get_mut(index).map_or(0, |failures| {
            let before = if ran >= STEADY { 0 } else { *failures };
            *failures = before.saturating_add(1);
            *failures
        });
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        let pause = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
        let seconds = pause.as_secs();
        tracing::error!(
            source = name,
            reason,
            seconds,
            "a collector failed; it starts again"
        );
        supervisor.send_after(pause, move || SupervisorMessage::Restart(index));
    }

    /// Ends the supervisor when it was asked to stop and nothing runs; a pause is not waited for.
    fn stop_when_empty(&self, supervisor: &ActorRef<SupervisorMessage>) {
        if self.running.is_empty() && *self.stop.borrow() {
            supervisor.stop(None);
        }
    }
}

struct CollectorActor;

/// The collector of the actor has ended.
struct Ended(Result<(), String>);

struct Running {
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Actor for CollectorActor {
    type Msg = Ended;
    type State = Running;
    type Arguments = (Arc<dyn RunCollector>, watch::Receiver<bool>);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (run, stop): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let task = tokio::spawn(async move {
            // A set aborts its task when it is dropped.
            let mut running = JoinSet::new();
            running.spawn(async move { run.run(stop).await });
            let ended = match running.join_next().await {
                Some(Ok(ended)) => ended.map_err(|error| whole(&error).to_string()),
                Some(Err(error)) => Err(format!("it panicked: {error}")),
                None => Ok(()),
            };
            let _ = myself.send_message(Ended(ended));
        });
        Ok(Running { task })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        Ended(ended): Self::Msg,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match ended {
            Ok(()) => {
                myself.stop(None);
                Ok(())
            }
            Err(reason) => Err(reason.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::sources::DestinationError;

    /// Fails, then panics, then runs until it is stopped.
    #[derive(Debug, Default)]
    struct Failing(Mutex<u32>);

    #[async_trait]
    impl RunCollector for Failing {
        fn name(&self) -> &'static str {
            "failing"
        }

        async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), CollectorError> {
            let run = {
                let mut runs = self.0.lock();
                *runs += 1;
                *runs
            };
            match run {
                1 => Err(DestinationError::Refused("no".into()).into()),
                2 => panic!("a fault"),
                _ => {
                    let _ = stop.wait_for(|stop| *stop).await;
                    Ok(())
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn supervisor_without_collectors_stops_when_asked() {
        let collectors = Collectors::start(Vec::new()).await.unwrap();
        let begun = Instant::now();
        collectors.stop().await;
        assert!(begun.elapsed() < STOP_WITHIN);
    }

    /// Runs until it is stopped, and then fails or goes on for ever.
    #[derive(Debug)]
    struct Stubborn {
        fails: bool,
        /// Dropped with the collector.
        running: Arc<()>,
    }

    #[async_trait]
    impl RunCollector for Stubborn {
        fn name(&self) -> &'static str {
            "stubborn"
        }

        async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), CollectorError> {
            let _running = Arc::clone(&self.running);
            let _ = stop.wait_for(|stop| *stop).await;
            if self.fails {
                return Err(DestinationError::Refused("no".into()).into());
            }
            std::future::pending().await
        }
    }

    /// Starts a collector of this kind and stops it. Returns the time that the stop took.
    async fn stop_of(fails: bool) -> (Duration, Arc<()>) {
        let running = Arc::new(());
        let run: Arc<dyn RunCollector> = Arc::new(Stubborn {
            fails,
            running: Arc::clone(&running),
        });
        let collectors = Collectors::start(vec![run]).await.unwrap();
        while Arc::strong_count(&running) < 3 {
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        collectors.stop().await;
        (begun.elapsed(), running)
    }

    #[tokio::test(start_paused = true)]
    async fn failure_while_stopping_ends_the_supervisor_at_once() {
        assert!(stop_of(true).await.0 < FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn collector_that_does_not_stop_is_ended_after_the_limit() {
        let (took, running) = stop_of(false).await;
        assert_eq!(took, STOP_WITHIN);
        while Arc::strong_count(&running) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failed_and_panicked_collector_starts_again_and_stops_when_asked() {
        let failing = Arc::new(Failing::default());
        let run: Arc<dyn RunCollector> = failing.clone();
        let collectors = Collectors::start(vec![run]).await.unwrap();
        while *failing.0.lock() < 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        collectors.stop().await;
        assert_eq!(*failing.0.lock(), 3);
    }
}
