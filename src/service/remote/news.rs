//! What other processes tell of timers and breakers.

use std::rc::Weak;

use super::tracker::Tracker;
use crate::service::answer::{Answer, Event};
use crate::service::settings::{Listens, Serves};
use crate::store::redis::keys::Keys;
use crate::store::redis::link::Link;
use crate::store::redis::news;

/// Listens to what the settings ask for, on one connection.
pub(super) fn listen(link: &Link, keys: &Keys, serves: &Serves, tracker: Weak<Tracker>) {
    let Serves::Coordination { listens, .. } = serves else { return };
    let Listens { due, expired, breakers } = *listens;
    let wanted = [
        (due, keys.timers_news_channel()),
        (expired, keys.timers_events_channel()),
        (breakers, keys.breakers_events_channel()),
    ];
    let [due_channel, expired_channel, breakers_channel] = wanted.clone().map(|(_, channel)| channel);
    let channels: Vec<_> = wanted.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, channel)| channel).collect();
    if channels.is_empty() {
        return;
    }
    let hear = move |channel: &str, payload: Vec<u8>| {
        let Some(tracker) = tracker.upgrade() else { return };
        let event = if channel == due_channel {
            news::due(&payload).map(|(shard, due_ms)| Event::Due { shard, due_ms })
        } else if channel == expired_channel {
            String::from_utf8(payload).ok().map(|message| Event::Message { message })
        } else if channel == breakers_channel {
            news::breaker(&payload).map(|(breaker, view_json)| Event::Breaker { breaker, view_json })
        } else {
            None
        };
        if let Some(event) = event {
            tracker.answer(|push| push(Answer::Event(event)));
        }
    };
    link.subscribe(channels, Box::new(hear));
}
