//! The shares of a limiter that this client gave, to say so with each sign of life.

use crate::domain::rate_limit::operation::{Agent, Operation, Outcome};

/// A store ends the shares of a client that it did not hear of for a lease: an event loop stood still, a computer slept,
/// servers were away. A client that lives after all finds out when it says what it gave, and gets it again.
#[derive(Debug, Default)]
pub struct GivenShares {
    list: Vec<(Agent, u64)>,
}

impl GivenShares {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What to ask when it is time to poll.
    ///
    /// ```
    /// use token_budget::domain::rate_limit::operation::{Operation, Outcome};
    /// use token_budget::service::shares::GivenShares;
    ///
    /// let mut given = GivenShares::default();
    /// assert_eq!(given.poll(), Operation::Poll);
    /// let allocate = Operation::Allocate { agent: "planner".into(), share_ppm: 300_000 };
    /// given.note(&allocate, &Outcome::Done(true));
    /// let poll = given.poll();
    /// assert_eq!(poll, Operation::KeepShares(vec![("planner".into(), 300_000)]));
    /// // The store had forgotten it, and others have taken what was free.
    /// let lost = given.note(&poll, &Outcome::Kept { lapsed: true, shares: vec![] });
    /// assert_eq!(&*lost[0], "planner");
    /// assert!(given.is_empty());
    /// ```
    pub fn poll(&self) -> Operation {
        match self.list.is_empty() {
            true => Operation::Poll,
            false => Operation::KeepShares(self.list.clone()),
        }
    }

    /// What is said before `operation`, so that what it changes is added to what the store knows.
    pub fn before(&self, operation: &Operation) -> Option<Operation> {
        let is_change = matches!(operation, Operation::Allocate { .. } | Operation::Handoff { .. });
        (is_change && !self.list.is_empty()).then(|| self.poll())
    }

    /// Takes in what a store answered, in the order in which it did. Answers whose shares are lost: they lapsed, and there
    /// was no room for them any more.
    pub fn note(&mut self, operation: &Operation, outcome: &Outcome) -> Vec<Agent> {
        match (operation, outcome) {
            (Operation::Allocate { agent, share_ppm }, Outcome::Done(true)) => {
                self.list.retain(|(name, _)| name != agent);
                if *share_ppm > 0 {
                    self.list.push((agent.clone(), *share_ppm));
                }
            }
            // What the receiver had before may be another's gift: the store tells with the next sign of life.
            (Operation::Handoff { from, to }, Outcome::Done(true)) => self.hand_off(from, to),
            (Operation::KeepShares(said), Outcome::Kept { lapsed, shares }) => {
                self.list.clone_from(shares);
                let is_lost = |agent: &&Agent| *lapsed && shares.iter().all(|(kept, _)| kept != *agent);
                return said.iter().map(|(agent, _)| agent).filter(is_lost).cloned().collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn hand_off(&mut self, from: &Agent, to: &Agent) {
        let is_theirs = |(name, _): &&(Agent, u64)| name == from || name == to;
        let share_ppm = self.list.iter().filter(is_theirs).map(|(_, share_ppm)| share_ppm).sum();
        self.list.retain(|entry| !is_theirs(&entry));
        if !to.is_empty() {
            self.list.push((to.clone(), share_ppm));
        }
    }
}

/// What to tell about shares that are lost.
pub fn lost_shares_warning(lost: &[Agent]) -> String {
    let names: Vec<_> = lost.iter().map(|agent| format!("'{agent}'")).collect();
    format!(
        "this process was not heard of for its lease, and the shares it gave have ended. They were given again, but those that \
         others took back or have by now: {}",
        names.join(", ")
    )
}
