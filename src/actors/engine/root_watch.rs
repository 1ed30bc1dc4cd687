//! Watches a root actor, so that the process ends with it.
//!
//! A root restarts failed actors below it. Nothing restarts a root: when a root ends, the process
//! has to end too, and the service manager restarts it.

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;

use crate::telemetry::whole;

/// Reports the end of a root actor, and the reason; cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::actors) struct RootWatch(watch::Receiver<Option<String>>);

impl RootWatch {
    /// Spawns a root actor under its own watch.
    pub(in crate::actors) async fn spawn<A: Actor>(
        root: A,
        arguments: A::Arguments,
    ) -> Result<(ActorRef<A::Msg>, Self), SpawnErr> {
        let (ended, end) = watch::channel(None);
        let (watcher, _) = Actor::spawn(None, RootWatcher, ended).await?;
        match Actor::spawn_linked(None, root, arguments, watcher.get_cell()).await {
            Ok((root, _)) => Ok((root, Self(end))),
            Err(error) => {
                watcher.stop(None);
                Err(error)
            }
        }
    }

    /// Waits until the root has ended; returns the reason.
    pub(in crate::actors) async fn ended(&self) -> String {
        let mut end = self.0.clone();
        let reason = end.wait_for(Option::is_some).await;
        let reason = reason.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| "the actor that watches it has ended".to_owned())
    }
}

/// The supervisor of one root actor. It ends with the root.
struct RootWatcher;

impl Actor for RootWatcher {
    type Msg = ();
    type State = watch::Sender<Option<String>>;
    type Arguments = watch::Sender<Option<String>>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        ended: watch::Sender<Option<String>>,
    ) -> Result<watch::Sender<Option<String>>, ActorProcessingErr> {
        Ok(ended)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        ended: &mut watch::Sender<Option<String>>,
    ) -> Result<(), ActorProcessingErr> {
        let reason = match event {
            SupervisionEvent::ActorFailed(_, error) => whole(error.as_ref()).to_string(),
            SupervisionEvent::ActorTerminated(_, _, Some(reason)) => reason,
            SupervisionEvent::ActorTerminated(_, _, None) => "it was stopped".to_owned(),
            _ => return Ok(()),
        };
        ended.send_replace(Some(reason));
        myself.stop(None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics or fails when it receives a message.
    struct Failing;

    enum Failure {
        Panic,
        Error,
    }

    impl Actor for Failing {
        type Msg = Failure;
        type State = ();
        type Arguments = Result<(), String>;

        async fn pre_start(
            &self,
            _: ActorRef<Failure>,
            started: Result<(), String>,
        ) -> Result<(), ActorProcessingErr> {
            Ok(started?)
        }

        async fn handle(
            &self,
            _: ActorRef<Failure>,
            failure: Failure,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            match failure {
                Failure::Panic => panic!("no way on"),
                Failure::Error => Err("no way out".into()),
            }
        }
    }

    #[tokio::test]
    async fn root_that_failed_is_reported_with_its_reason() {
        for (failure, reason) in [
            (Failure::Panic, "no way on"),
            (Failure::Error, "no way out"),
        ] {
            let (root, watch) = RootWatch::spawn(Failing, Ok(())).await.unwrap();
            root.cast(failure).unwrap();
            let told = watch.ended().await;
            assert!(told.contains(reason), "{told}");
        }
    }

    #[tokio::test]
    async fn root_that_was_stopped_is_reported() {
        let (root, watch) = RootWatch::spawn(Failing, Ok(())).await.unwrap();
        root.stop(Some("for a test".to_owned()));
        assert_eq!(watch.ended().await, "for a test");
    }

    #[tokio::test]
    async fn root_that_cannot_start_is_an_error_of_its_spawn() {
        let spawned = RootWatch::spawn(Failing, Err("no way in".to_owned())).await;
        assert!(matches!(spawned, Err(SpawnErr::StartupFailed(_))));
    }
}
