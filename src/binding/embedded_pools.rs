//! Pools of credentials in this process, for JavaScript.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Float64Array, JsObjectValue, Object, ToNapiValue, TypeName};
use napi::{Result, ValueType, check_status, sys};
use napi_derive::napi;

use super::calls::{amount, orchestrator as read_pool};
use super::config::Config;
use super::convert::{exact, invalid, malformed, orchestrator};
use super::direct::{Call, enter, function, nothing};
use super::storage;
use super::text::{Text, set_text};
use crate::domain::credentials::decide::Picking;
use crate::domain::credentials::operation::{Operation, Policy, Request};
use crate::domain::identifier::OrchestratorId;
use crate::store::disk::DiskStore;
use crate::store::memory::credentials::MemoryPools;
use crate::store::{CredentialBatch, Ticket};

const NUMBERS_LENGTH: usize = 8;

#[napi]
pub struct EmbeddedPools {
    embedded: Rc<RefCell<Embedded>>,
}

/// What the pools and their functions share.
struct Embedded {
    pools: Arc<MemoryPools>,
    disk: Option<Arc<DiskStore>>,
    policies: HashMap<OrchestratorId, Arc<Policy>>,
    client: Arc<str>,
    /// Made by the facade, which keeps it for its own. Numbers of operations come there, results are written
    /// there.
    numbers: Float64Array,
    /// The pool and the resource that were asked for last, as they came, and a buffer: most calls repeat them.
    pool_units: Vec<u16>,
    pool: Option<OrchestratorId>,
    resource_units: Vec<u16>,
    resource: String,
    units: Vec<u16>,
}

#[napi]
impl EmbeddedPools {
    #[napi(constructor, ts_args_type = "config: string, numbers: Float64Array")]
    pub fn new(config: Text, numbers: Float64Array) -> Result<Self> {
        if numbers.len() < NUMBERS_LENGTH {
            return Err(invalid(format!("numbers: expected {NUMBERS_LENGTH}")));
        }
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let disk = config.storage.as_ref().map(|storage| storage::opened(&storage.path)).transpose()?;
        let pools = match &disk {
            Some(disk) => Arc::clone(disk.pools()),
            None => config.memory_name.as_deref().map_or_else(Default::default, MemoryPools::shared),
        };
        let embedded = Embedded {
            pools,
            disk,
            policies: HashMap::new(),
            client: config.client_id.unwrap_or_default().into(),
            numbers,
            pool_units: Vec::new(),
            pool: None,
            resource_units: Vec::new(),
            resource: String::new(),
            units: Vec::new(),
        };
        Ok(Self { embedded: Rc::new(RefCell::new(embedded)) })
    }

    /// The frequent operation.
    #[napi(ts_return_type = "object")]
    pub fn operations(&self) -> PoolOperations {
        PoolOperations(Rc::clone(&self.embedded))
    }

    #[napi(ts_args_type = "pool: string, policyJson: string")]
    pub fn configure(&self, pool: Text, policy_json: Text) -> Result<()> {
        let policy = serde_json::from_str(&policy_json.to_text()).map_err(|error| invalid(error.to_string()))?;
        self.lock()?.policies.insert(orchestrator(&pool)?, Arc::new(policy));
        Ok(())
    }

    /// Operation and outcome as JSON.
    #[napi(catch_unwind, ts_args_type = "pool: string, operationJson: string, nowMs: number")]
    pub fn query(&self, pool: Text, operation_json: Text, now_ms: f64) -> Result<String> {
        let now_ms = exact("nowMs", now_ms)?;
        let mut operation: Operation =
            serde_json::from_str(&operation_json.to_text()).map_err(|error| invalid(error.to_string()))?;
        operation.date(now_ms);
        let pool = orchestrator(&pool)?;
        let embedded = self.lock()?;
        if operation.writes() {
            embedded.accept()?;
        }
        let batch = CredentialBatch {
            policy: embedded.policies.get(&pool).cloned().unwrap_or_default(),
            pool,
            requests: vec![Request { operation, deadline_ms: None }],
            ticket: Ticket { client: Arc::clone(&embedded.client), sequence: 0, retry: false },
        };
        match embedded.pools.apply_at(&batch, now_ms).outcomes.pop() {
            Some(Ok(outcome)) => serde_json::to_string(&outcome).map_err(|error| invalid(error.to_string())),
            Some(Err(error)) => Err(invalid(error.to_string())),
            None => Err(invalid("no outcome".into())),
        }
    }

    /// Lets go of the store.
    #[napi]
    pub fn close(&self) -> Result<()> {
        let mut embedded = self.lock()?;
        embedded.pools = Arc::default();
        embedded.disk = None;
        Ok(())
    }
}

impl EmbeddedPools {
    /// Nothing in here calls back into JavaScript, so that it is free whenever somebody asks.
    fn lock(&self) -> Result<RefMut<'_, Embedded>> {
        self.embedded.try_borrow_mut().map_err(|_| invalid("called while it runs".into()))
    }
}

impl Embedded {
    /// Whether an operation can be recorded that changes something.
    fn accept(&self) -> Result<()> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.accept().map_err(|error| storage::refused(&error)))
    }

    /// Takes a token: `numbers` become its position in the policy (-1: there is none), and of a token when it was
    /// picked, what is left (-1: not known) and when that resets; else when the first can be used again, and how
    /// many are limited and invalid.
    fn pick(&mut self, call: &Call) -> Result<sys::napi_value> {
        self.accept()?;
        let now_ms = amount(self.numbers[0]).ok_or_else(|| invalid("nowMs: expected an integer".into()))?;
        call.read_text(0, &mut self.units)?;
        if self.pool.is_none() || self.units != self.pool_units {
            self.pool = Some(read_pool(&self.units).map_err(malformed)?);
            std::mem::swap(&mut self.pool_units, &mut self.units);
        }
        call.read_text(1, &mut self.units)?;
        if self.units != self.resource_units {
            set_text(&mut self.resource, &self.units);
            std::mem::swap(&mut self.resource_units, &mut self.units);
        }
        let Some(pool) = &self.pool else { return Ok(nothing()) };
        let unknown = Policy::default();
        let policy = self.policies.get(pool).map_or(&unknown, |policy| policy);
        let numbers = match self.pools.pick(pool, now_ms, policy, &self.resource, &[]) {
            Picking::Picked { position, picked_at_ms, left, resets_at_ms, .. } => {
                let left = left.map_or(-1.0, |left| left as f64);
                [position as f64, picked_at_ms as f64, left, resets_at_ms as f64]
            }
            Picking::Exhausted { resets_at_ms, limited, invalid } => {
                [-1.0, resets_at_ms as f64, limited as f64, invalid as f64]
            }
        };
        // SAFETY: the facade uses the array on this thread only and never detaches it; its length
        // was checked when it was handed over.
        let out = unsafe { self.numbers.as_mut() };
        out[..numbers.len()].copy_from_slice(&numbers);
        Ok(nothing())
    }
}

/// The functions, as properties of one object.
pub struct PoolOperations(Rc<RefCell<Embedded>>);

impl TypeName for PoolOperations {
    fn type_name() -> &'static str {
        "object"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for PoolOperations {
    unsafe fn to_napi_value(env: sys::napi_env, Self(embedded): Self) -> Result<sys::napi_value> {
        let mut object = std::ptr::null_mut();
        // SAFETY: `env` is that of the running call, and the callback enters an `Embedded`.
        unsafe {
            check_status!(sys::napi_create_object(env, &mut object))?;
            let value = function(env, "pick", Some(pick), &embedded)?;
            Object::from_raw(env, object).set_named_property("pick", Object::from_raw(env, value))?;
        }
        Ok(object)
    }
}

unsafe extern "C" fn pick(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: node calls with what belongs together; the function was made over an `Embedded`.
    unsafe { enter(env, info, Embedded::pick) }
}
