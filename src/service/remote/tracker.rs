//! What stands between the inbox and the outbox of a tracker, in one thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{AbortHandle, spawn_local};

use super::call::{Call, CallKind};
use super::deadlines::Deadlines;
use super::limit::Line;
use super::news;
use super::notes::ExpiryNotes;
use super::pending::{Pending, Role, Stage};
use super::queue::{Entry, Queue};
use super::window::SendWindow;
use super::work::{Subject, Work};
use super::{Outbox, Submission, Wake};
use crate::clock::{Clock, SystemClock};
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Operation;
use crate::domain::{breakers, credentials, timers};
use crate::service::answer::{Answer, CallId, Event, FailureCode, threshold_events};
use crate::service::settings::{RemoteSettings, Serves};
use crate::store::redis::breakers::BreakerStore;
use crate::store::redis::config::Topology;
use crate::store::redis::credentials::CredentialStore;
use crate::store::redis::events::{self, News};
use crate::store::redis::keys::Keys;
use crate::store::redis::link::{EventLoop, Link, LinkEvent};
use crate::store::redis::rate_limit::RateLimitStore;
use crate::store::redis::store::RedisStore;
use crate::store::redis::timers::TimerStore;

pub(super) struct Tracker {
    pub settings: RemoteSettings,
    pub link: Link,
    pub store: RedisStore<Link>,
    pub limits: RateLimitStore<Link>,
    pub credentials: CredentialStore<Link>,
    pub timers: TimerStore<Link>,
    pub breakers: BreakerStore<Link>,
    pub line: Line,
    /// What is said of each pool of credentials.
    pub pools: RefCell<HashMap<OrchestratorId, Arc<credentials::operation::Policy>>>,
    pub timers_policy: Cell<timers::operation::Policy>,
    /// What is said of each breaker.
    pub breaker_policies: RefCell<HashMap<OrchestratorId, breakers::operation::Policy>>,
    pub notes: ExpiryNotes,
    pub deadlines: Deadlines,
    pub window: SendWindow,
    pub spooled: Cell<usize>,
    pub last_sequence: Cell<u64>,
    pub opened_at: Instant,
    pub ever_connected: Cell<bool>,
    /// What nobody would miss is not waited for any more.
    pub closing: Cell<bool>,
    pub closed: Cell<bool>,
    queues: RefCell<HashMap<Subject, Rc<Queue>>>,
    /// Told whenever a queue runs empty.
    drained: Notify,
    answers: Arc<Mutex<dyn Outbox>>,
    pub answered: Notify,
    /// Answers in the outbox since the caller was last woken.
    pub unheard: Cell<usize>,
    /// Batches that were sent and have no answer yet.
    pub under_way: Cell<usize>,
    tasks: RefCell<Vec<AbortHandle>>,
}

/// Runs a tracker until it is closed or its caller is gone. Called in the thread it shall live in.
pub(super) fn start<O: Outbox>(
    settings: RemoteSettings,
    outbox: Arc<Mutex<O>>,
    wake: Wake,
    mut submissions: UnboundedReceiver<Submission>,
    event_loop: Option<Rc<dyn EventLoop>>,
) {
    let tracker = Tracker::new(settings, outbox, event_loop);
    tracker.spawn_tasks(wake);
    spawn_local(async move {
        while let Some(submission) = submissions.recv().await {
            let mut touched = Vec::new();
            submission(&mut |call| tracker.accept(call, &mut touched));
            // What came in together with it belongs into the same batches.
            while let Ok(submission) = submissions.try_recv() {
                submission(&mut |call| tracker.accept(call, &mut touched));
            }
            tracker.carry_all(touched);
        }
        tracker.end().await;
    });
}

impl Tracker {
    fn new<O: Outbox>(
        settings: RemoteSettings,
        outbox: Arc<Mutex<O>>,
        event_loop: Option<Rc<dyn EventLoop>>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this: &std::rc::Weak<Tracker>| {
            let observer = {
                let this = this.clone();
                Box::new(move |event| {
                    if let Some(tracker) = this.upgrade() {
                        tracker.on_link_event(event);
                    }
                })
            };
            let clustered = matches!(settings.redis.topology, Topology::Cluster(_));
            let link = Link::open(settings.redis.clone(), event_loop.clone(), observer);
            let keys = Keys::new(&settings.redis.key_prefix, clustered);
            let store = RedisStore::new(link.clone(), keys.clone());
            if matches!(settings.serves, Serves::Limiter { .. }) {
                let this = this.clone();
                let hear = move |_: &str, payload: Vec<u8>| {
                    if let Some(tracker) = this.upgrade() {
                        tracker.on_turn(&payload);
                    }
                };
                link.subscribe(vec![keys.turns_channel()], Box::new(hear));
            }
            if settings.shared.policy.broadcast {
                let this = this.clone();
                let hear = move |_: &str, payload: Vec<u8>| {
                    if let Some(tracker) = this.upgrade() {
                        tracker.on_announcement(&payload);
                    }
                };
                link.subscribe(vec![store.keys().events_channel()], Box::new(hear));
            }
            news::listen(&link, &keys, &settings.serves, this.clone());
            let timers_policy = match settings.serves {
                Serves::Coordination { timers, .. } => timers,
                _ => timers::operation::Policy::default(),
            };
            Self {
                limits: RateLimitStore::new(link.clone(), keys.clone()),
                credentials: CredentialStore::new(link.clone(), keys.clone()),
                timers: TimerStore::new(link.clone(), keys.clone()),
                breakers: BreakerStore::new(link.clone(), keys),
                link,
                store,
                notes: ExpiryNotes::default(),
                deadlines: Deadlines::default(),
                window: SendWindow::default(),
                line: Line::default(),
                pools: RefCell::default(),
                timers_policy: Cell::new(timers_policy),
                breaker_policies: RefCell::default(),
                spooled: Cell::new(0),
                last_sequence: Cell::new(0),
                opened_at: Instant::now(),
                ever_connected: Cell::new(false),
                closing: Cell::new(false),
                closed: Cell::new(false),
                queues: RefCell::default(),
                drained: Notify::new(),
                answers: outbox,
                answered: Notify::new(),
                unheard: Cell::new(0),
                under_way: Cell::new(0),
                tasks: RefCell::default(),
                settings,
            }
        })
    }

    fn spawn_tasks(self: &Rc<Self>, wake: Wake) {
        self.keep(spawn_local(Rc::clone(self).wake_forever(wake)));
        let timer = Rc::clone(self);
        self.keep(spawn_local(async move {
            loop {
                let (pending, queue) = timer.deadlines.next_due().await;
                timer.on_deadline(&pending, &queue);
            }
        }));
        match self.settings.serves {
            Serves::Budgets => self.keep(spawn_local(Rc::clone(self).sweep_forever())),
            Serves::Limiter { .. } => self.keep(spawn_local(Rc::clone(self).poll_forever())),
            Serves::Pools | Serves::Coordination { .. } => {}
        }
    }

    fn keep(&self, task: tokio::task::JoinHandle<()>) {
        self.tasks.borrow_mut().push(task.abort_handle());
    }

    /// Puts answers into the outbox, under one lock, and wakes the caller.
    pub(super) fn answer(&self, fill: impl FnOnce(&mut dyn FnMut(Answer))) {
        {
            let mut outbox = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            fill(&mut |answer| {
                outbox.push(answer);
                self.unheard.set(self.unheard.get() + 1);
            });
        }
        self.answered.notify_one();
    }

    pub(super) fn fail(&self, call: CallId, code: FailureCode, message: impl Into<String>) {
        let message = message.into();
        self.answer(|push| push(Answer::Failed { call, code, message }));
    }

    fn accept(self: &Rc<Self>, call: Call, touched: &mut Vec<Rc<Queue>>) {
        let Call { id, kind } = call;
        if self.closed.get() && !matches!(kind, CallKind::Close { .. }) {
            return self.fail(id, FailureCode::Closed, "the tracker is closed");
        }
        match kind {
            CallKind::Operate { orchestrator, mut operation, caller_now_ms } => {
                if let Operation::Settle { usage, .. } | Operation::SettleUnheld { usage, .. } = &mut operation {
                    usage.take_if(|_| self.settings.shared.release_only);
                }
                let work = Work::Budget(operation);
                self.begin(id, Subject::Budget(orchestrator), work, caller_now_ms, touched);
            }
            CallKind::Limit(mut operation) => match self.limit_subject() {
                Some(subject) => {
                    operation.date(self.limits.now_ms());
                    self.keep_shares_before(&operation);
                    self.begin(id, subject, Work::Limit(operation), None, touched);
                }
                None => self.fail(id, FailureCode::InvalidConfig, "this tracker serves no limiter"),
            },
            CallKind::Credential { pool, mut operation } => {
                operation.date(self.credentials.now_ms());
                self.begin(id, Subject::Pool(pool), Work::Credential(operation), None, touched);
            }
            CallKind::ConfigurePool { pool, policy } => self.configure_pool(pool, policy),
            CallKind::Timer { shard, operation } => {
                self.begin(id, Subject::Timers(shard), Work::Timer(operation), None, touched);
            }
            CallKind::ConfigureTimers(policy) => self.timers_policy.set(policy),
            CallKind::Breaker { breaker, operation } => {
                self.begin(id, Subject::Breaker(breaker), Work::Breaker(operation), None, touched);
            }
            CallKind::ConfigureBreaker { breaker, policy } => self.configure_breaker(breaker, policy),
            CallKind::Forget(forgotten) => {
                self.forget(forgotten);
                self.leave_line(forgotten);
            }
            CallKind::Refused { code, message } => self.fail(id, code, message),
            CallKind::Ping => self.spawn_ping(id),
            CallKind::Ready { timeout } => self.spawn_ready(id, timeout),
            CallKind::Close { timeout } => self.spawn_close(id, timeout),
        }
    }

    /// Until the first connection stands a call waits at most `connectTimeout`.
    fn deadline(&self) -> Instant {
        let timeout = self.settings.command_timeout;
        let first = self.settings.redis.connect_timeout;
        Instant::now() + if self.ever_connected.get() { timeout } else { timeout.min(first) }
    }

    fn begin(
        &self,
        call: CallId,
        subject: Subject,
        work: Work,
        caller_now_ms: Option<u64>,
        touched: &mut Vec<Rc<Queue>>,
    ) {
        let pending = Pending::new(call, Role::of(&work), self.deadline());
        self.enqueue(subject, pending, work, caller_now_ms, touched);
    }

    fn enqueue(
        &self,
        subject: Subject,
        pending: Pending,
        work: Work,
        caller_now_ms: Option<u64>,
        touched: &mut Vec<Rc<Queue>>,
    ) {
        let caller_skew_ms = caller_now_ms.map_or(0, |now_ms| SystemClock.now_ms() as i64 - now_ms as i64);
        let queue = self.queue(subject);
        let pending = Rc::new(pending);
        if pending.role == Role::Usage && self.is_known_down() && self.spool(&pending) {
            // Known to be away: the caller need not wait for the deadline to learn it.
        } else if pending.role != Role::Internal {
            self.deadlines.add(Rc::clone(&pending), Rc::clone(&queue));
        }
        queue.push(Entry { pending, work, caller_skew_ms });
        if !queue.carried.replace(true) {
            touched.push(queue);
        }
    }

    /// Asks for something on the tracker's own behalf.
    pub(super) fn enqueue_internal(self: &Rc<Self>, subject: Subject, work: Work) {
        let mut touched = Vec::new();
        let pending = Pending::new(0, Role::Internal, self.deadline());
        self.enqueue(subject, pending, work, None, &mut touched);
        self.carry_all(touched);
    }

    fn queue(&self, subject: Subject) -> Rc<Queue> {
        let mut queues = self.queues.borrow_mut();
        if let Some(queue) = queues.get(&subject) {
            return Rc::clone(queue);
        }
        let queue = Rc::new(Queue::new(subject.clone()));
        queues.insert(subject, Rc::clone(&queue));
        queue
    }

    /// Forgets a queue that ran empty; called by the task that carried it.
    pub(super) fn retire_queue(&self, queue: &Queue) {
        queue.carried.set(false);
        self.queues.borrow_mut().remove(&queue.subject);
        self.drained.notify_waiters();
    }

    fn carry_all(self: &Rc<Self>, queues: Vec<Rc<Queue>>) {
        for queue in queues {
            spawn_local(Rc::clone(self).carry_queue(queue));
        }
    }

    fn on_link_event(&self, event: LinkEvent) {
        let event = match event {
            LinkEvent::Connected { address } => {
                self.ever_connected.set(true);
                self.notes.forget_told();
                self.on_reconnected();
                Event::Connected { address }
            }
            LinkEvent::Disconnected { address, reason } => Event::Disconnected { address, reason },
            LinkEvent::Warning { message } => Event::Warning { message },
        };
        self.answer(|push| push(Answer::Event(event)));
    }

    /// What another process did. What this one does is told with the operation.
    fn on_announcement(&self, payload: &[u8]) {
        let Some(heard) = events::decode(payload) else { return };
        if *heard.client == *self.settings.client {
            return;
        }
        let thresholds = Arc::clone(&self.settings.shared.policy.thresholds);
        let orchestrator = heard.orchestrator;
        self.answer(|push| match heard.news {
            News::Crossed(transition) => {
                threshold_events(&orchestrator, &[transition], &thresholds, |event| push(Answer::Event(event)));
            }
            News::Paused(pause) => push(Answer::Event(Event::Pause { orchestrator, pause: Some(pause) })),
            News::Resumed => push(Answer::Event(Event::Pause { orchestrator, pause: None })),
        });
    }

    fn spawn_ping(self: &Rc<Self>, call: CallId) {
        let tracker = Rc::clone(self);
        spawn_local(async move {
            match tracker.link.ping(tracker.deadline()).await {
                Ok(()) => tracker.answer(|push| push(Answer::Done { call })),
                Err(error) => tracker.fail(call, FailureCode::StoreUnavailable, error.to_string()),
            }
        });
    }

    fn spawn_ready(self: &Rc<Self>, call: CallId, timeout: Duration) {
        let tracker = Rc::clone(self);
        spawn_local(async move {
            match tracker.link.ready(Instant::now() + timeout).await {
                Ok(()) => tracker.answer(|push| push(Answer::Done { call })),
                Err(error) => tracker.fail(call, FailureCode::StoreUnavailable, error.to_string()),
            }
        });
    }

    fn spawn_close(self: &Rc<Self>, call: CallId, timeout: Duration) {
        let tracker = Rc::clone(self);
        tracker.closing.set(true);
        spawn_local(async move {
            let deadline = tokio::time::Instant::now() + timeout;
            tracker.close_line();
            let _ = tokio::time::timeout_at(deadline, tracker.wait_until_drained()).await;
            let waiting = tracker.deadlines.drain();
            let undelivered = waiting.iter().filter(|pending| pending.role == Role::Usage).count();
            let lost = (undelivered + tracker.spooled.get()) as u64;
            for pending in waiting {
                pending.set_stage(Stage::Answered);
                tracker.fail(pending.call, FailureCode::Closed, "the tracker was closed before the store answered");
            }
            tracker.answer(|push| push(Answer::Closed { call, lost }));
            tracker.end().await;
        });
    }

    async fn wait_until_drained(&self) {
        loop {
            let drained = self.drained.notified();
            if self.queues.borrow().is_empty() {
                return;
            }
            drained.await;
        }
    }

    /// Ends tasks and connections. What is still queued is dropped.
    async fn end(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.link.close().await;
        // Let the last answers be fetched before the task that wakes the caller ends.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        for task in self.tasks.take() {
            task.abort();
        }
    }
}
