//! The ledger, for JavaScript: arguments and answers as JSON, amounts of money as text in it.
//!
//! Nothing waits in the thread of JavaScript: every method answers with a promise, which a thread of the ledger
//! settles. A promise that is not settled yet keeps the process alive.

use std::path::PathBuf;
use std::sync::Mutex;

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Error, JsDeferred, Result, Status};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::convert::{exact, invalid};
use super::text::Text;
use crate::store::ledger::{self as store, Answer, LedgerError};

/// Beyond JavaScript's dates there are no records.
const INSTANT_MAX: f64 = 8.64e15;

#[napi]
pub struct Ledger {
    path: Option<PathBuf>,
    /// `None`: it was not opened yet.
    ledger: Mutex<Option<store::Ledger>>,
}

#[napi]
impl Ledger {
    #[napi(constructor, ts_args_type = "path: string | null")]
    pub fn new(path: Option<Text>) -> Self {
        Self { path: path.map(|path| path.to_text().into()), ledger: Mutex::default() }
    }

    /// Opens the file, or makes it. What is asked meanwhile waits.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn open<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let mut ledger = self.lock();
        // What was in the way may be gone.
        ledger.take_if(|ledger| ledger.has_failed());
        let ledger = match ledger.as_mut() {
            Some(ledger) => ledger,
            None => {
                let started = store::Ledger::start(self.path.clone());
                let failed = |error| coded("STORE_UNAVAILABLE", &format!("cannot start a thread: {error}"));
                ledger.insert(started.map_err(failed)?)
            }
        };
        promise(env, |reply| ledger.when_open(reply), |()| Ok(()))
    }

    /// Records an array of records, each once by its id. Answers `recorded`, `known` or `conflict` for each of them
    /// when all are durable.
    #[napi(catch_unwind, ts_args_type = "json: string", ts_return_type = "Promise<string>")]
    pub fn record<'env>(&self, env: &'env Env, json: Text) -> Result<Object<'env>> {
        let records = parse("records", &json)?;
        self.ask(env, |ledger, reply| ledger.record(records, reply), |outcomes| to_json(&outcomes))
    }

    #[napi(catch_unwind, ts_args_type = "json: string", ts_return_type = "Promise<string>")]
    pub fn sums<'env>(&self, env: &'env Env, json: Text) -> Result<Object<'env>> {
        let query = parse("query", &json)?;
        self.ask(env, |ledger, reply| ledger.sums(query, reply), |groups| to_json(&groups))
    }

    /// `of` is `orchestrator` or `session`.
    #[napi(catch_unwind, ts_args_type = "json: string, of: string", ts_return_type = "Promise<number>")]
    pub fn count_distinct<'env>(&self, env: &'env Env, json: Text, of: Text) -> Result<Object<'env>> {
        let query = parse("query", &json)?;
        let of = serde_json::from_value(json!(of.to_text())).map_err(|error| invalid(format!("of: {error}")))?;
        self.ask(env, |ledger, reply| ledger.count_distinct(query, of, reply), |count| Ok(count as f64))
    }

    /// Up to `limit` records after the page that ended with `after`: `{ records, next }`.
    #[napi(
        catch_unwind,
        ts_args_type = "json: string, after: string | null, limit: number",
        ts_return_type = "Promise<string>"
    )]
    pub fn page<'env>(&self, env: &'env Env, json: Text, after: Option<Text>, limit: f64) -> Result<Object<'env>> {
        let (query, limit) = (parse("query", &json)?, exact("limit", limit)? as usize);
        let after = after.map(|after| after.to_text());
        self.ask(env, |ledger, reply| ledger.page(query, after, limit, reply), |page| to_json(&page))
    }

    /// Deletes up to `max` records before an instant; answers how many.
    #[napi(catch_unwind, ts_args_type = "atMs: number, max: number", ts_return_type = "Promise<number>")]
    pub fn delete_before<'env>(&self, env: &'env Env, at_ms: f64, max: f64) -> Result<Object<'env>> {
        if at_ms.fract() != 0.0 || at_ms.abs() > INSTANT_MAX {
            return Err(invalid("atMs: expected milliseconds of a date".into()));
        }
        let (at_ms, max) = (at_ms as i64, exact("max", max)? as usize);
        self.ask(env, |ledger, reply| ledger.delete_before(at_ms, max, reply), |deleted| Ok(deleted as f64))
    }

    /// Adds everything up anew: `{ records, sums, wrongSums, repeatedIds, unfoundIds, damage, sound }`.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn verify<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let answer = |findings: store::Findings| {
            let is_sound = findings.is_sound();
            let mut answer = json!(findings);
            answer["sound"] = is_sound.into();
            to_json(&answer)
        };
        self.ask(env, |ledger, reply| ledger.verify(reply), answer)
    }

    /// Writes and answers what was asked before, and closes the file.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        match self.lock().as_ref() {
            Some(ledger) => promise(env, |reply| ledger.close(reply), |()| Ok(())),
            None => promise(env, |reply| reply(Ok(())), |()| Ok(())),
        }
    }
}

impl Ledger {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<store::Ledger>> {
        self.ledger.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn ask<'env, T: Send + 'static, U: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        ask: impl FnOnce(&store::Ledger, store::Reply<T>),
        convert: impl FnOnce(T) -> Result<U> + Send + 'static,
    ) -> Result<Object<'env>> {
        match self.lock().as_ref() {
            Some(ledger) => promise(env, |reply| ask(ledger, reply), convert),
            None => Err(invalid("the ledger is not open".into())),
        }
    }
}

type Settle<U> = Box<dyn FnOnce(Env) -> Result<U> + Send>;

/// What `ask` is answered, converted in the thread that answers.
fn promise<'env, T: Send + 'static, U: ToNapiValue + Send + 'static>(
    env: &'env Env,
    ask: impl FnOnce(store::Reply<T>),
    convert: impl FnOnce(T) -> Result<U> + Send + 'static,
) -> Result<Object<'env>> {
    let (deferred, promise): (JsDeferred<U, Settle<U>>, _) = env.create_deferred()?;
    ask(Box::new(move |answer: Answer<T>| match answer.map_err(|error| refused(&error)).and_then(convert) {
        Ok(value) => deferred.resolve(Box::new(move |_| Ok(value))),
        Err(error) => deferred.reject(error),
    }));
    Ok(promise)
}

fn parse<T: DeserializeOwned>(what: &str, json: &Text) -> Result<T> {
    serde_json::from_str(&json.to_text()).map_err(|error| invalid(format!("{what}: {error}")))
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| invalid(error.to_string()))
}

fn coded(code: &str, message: &str) -> Error {
    Error::new(Status::GenericFailure, format!("{code}: {message}"))
}

/// The code of the error that users see, before its message.
fn refused(error: &LedgerError) -> Error {
    let message = error.to_string();
    match error {
        LedgerError::Refused(_) => coded("INVALID_CONFIG", &message),
        LedgerError::Unavailable(_) => coded("STORE_UNAVAILABLE", &message),
        LedgerError::Closed => coded("CLOSED", &message),
        LedgerError::Invalid(_) => invalid(message),
    }
}
