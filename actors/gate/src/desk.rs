//! What the gate does, whoever drives it: take commands, let people decide, begin what may run, end what ended.
//!
//! It outlives the incarnations of its actor. One lock holds all that changes; a command is begun under that lock, in the
//! same breath as the answer of the journal, so that nothing comes between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Journal, JournalError};
use model::{Command, CommandId, CommandState, Identity, Tier, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Mutex, MutexGuard, Notify, oneshot, watch};

use crate::answer::{GateStatus, Preview, Submitted};
use crate::book::{Book, Open};
use crate::config::GateConfig;
use crate::effect::{Effect, Effects, Plan, PlanError, Verb};
use crate::error::GateError;
use crate::ledger::{Ledger, NotStored};
use crate::policy::{RuleError, Ruling};
use crate::query;
use crate::rules::RuleBook;
use crate::running::Running;
use crate::seal::{Seal, hex};
use crate::token::Token;
use crate::workflow::{self, Act, End, Order, Refusal};

/// How long the journal may take to store a step. An operator who repairs the journal must not wait for it.
const STORE_LIMIT: Duration = Duration::from_secs(2);
/// How long a subsystem may take to say what a command would come to.
const PLAN_LIMIT: Duration = Duration::from_secs(2);
/// Pause before the journal is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Largest arguments, in bytes of JSON.
const ARGUMENTS_MAX: usize = 64 * 1024;
/// Longest verb and target, in bytes.
const NAME_MAX: usize = 256;
/// Longest reason, in characters.
const REASON_MAX: usize = 500;
/// Random bytes in the number of a token.
const TOKEN_ID_BYTES: usize = 16;

/// See the module.
pub(crate) struct Desk {
    journal: Journal,
    seal: Seal,
    pub(crate) rules: RuleBook,
    effects: Effects,
    ledger: Mutex<Ledger>,
    running: Running,
    changed: Notify,
    status: watch::Sender<GateStatus>,
}

/// There may be two who drive, for a while; only the last who looked is woken by what runs. When one goes, the other looks.
struct Handover<'a>(&'a Notify);

impl Drop for Handover<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

type Capable<'a> = (Verb, &'a Arc<dyn Effect>);

impl Desk {
    pub(crate) fn new(
        config: &GateConfig,
        journal: &Journal,
        seal: &Seal,
        effects: Effects,
    ) -> Result<Desk, RuleError> {
        Ok(Desk {
            journal: journal.clone(),
            seal: seal.clone(),
            rules: RuleBook::new(config)?,
            effects,
            ledger: Mutex::new(Ledger::new(journal)),
            running: Running::default(),
            changed: Notify::new(),
            status: watch::Sender::default(),
        })
    }

    pub(crate) fn status(&self) -> GateStatus {
        self.status.borrow().clone()
    }

    /// Goes on from the checkpoint. *Blocking.* `false`: somebody is in the middle of a step.
    pub(crate) fn try_resume(&self) -> Result<bool, JournalError> {
        let Ok(mut ledger) = self.ledger.try_lock() else {
            return Ok(false);
        };
        ledger.resume(&self.running)?;
        self.show(&ledger);
        Ok(true)
    }

    /// The same, once the step is over. *Blocking* for the few rows that are open.
    pub(crate) async fn resume(&self) -> Result<(), JournalError> {
        let mut ledger = self.ledger.lock().await;
        ledger.resume(&self.running)?;
        self.show(&ledger);
        Ok(())
    }

    /// All that changes, once it is known how it stood before.
    async fn ledger(&self) -> Result<MutexGuard<'_, Ledger>, GateError> {
        let ledger = self.ledger.lock().await;
        if ledger.is_known() {
            Ok(ledger)
        } else {
            Err(GateError::Unavailable)
        }
    }

    /// Whether a command repairs the station and may run at once, so that it must not wait for the gate or the journal.
    pub(crate) fn is_repair(&self, order: &Order) -> bool {
        let repairs = self.effects.get(&order.verb).is_some_and(|(verb, _)| verb.repairs);
        repairs && self.ruling(order).tier == Tier::Free
    }

    fn ruling(&self, order: &Order) -> Ruling {
        self.rules
            .get()
            .policy
            .rule(&order.verb, &order.target, &order.arguments)
    }

    fn effect(&self, verb: &str) -> Result<Capable<'_>, GateError> {
        let found = self.effects.get(verb).map(|(verb, effect)| (*verb, effect));
        found.ok_or_else(|| GateError::NoVerb(verb.chars().take(NAME_MAX).collect()))
    }

    /// What a command would come to. Changes nothing, leaves no trace.
    pub(crate) async fn preview(&self, order: &Order, by: &Identity) -> Result<Preview, GateError> {
        let (verb, effect) = self.effect(&order.verb)?;
        check(order)?;
        let plan = plan(effect, order).await?;
        let command = workflow::request(
            CommandId(0),
            order.clone(),
            by,
            (verb.role, self.ruling(order)),
            Timestamp::now(),
        );
        Ok(Preview {
            tier: command.tier,
            would: plan.would,
            needs: command.needs,
            allowed: by.role.covers(verb.role) && command.tier != Tier::Refuse,
        })
    }

    /// Takes a command. It is stored when this answers, and begun if the policy lets it run at once.
    pub(crate) async fn submit(&self, mut order: Order, by: &Identity) -> Result<Submitted, GateError> {
        let (verb, effect) = self.effect(&order.verb)?;
        check(&order)?;
        workflow::needs(by, verb.role)?;
        let ruling = self.ruling(&order);
        let plan = plan(effect, &order).await?;
        let at = Timestamp::now();
        let lifetime = self.lifetime(&order, at)?;
        order.not_after = Some(at.plus(lifetime));
        let repairs = verb.repairs && ruling.tier == Tier::Free;

        let mut ledger = self.ledger().await?;
        let original = self.original(&ledger, &order).await?;
        let mut book = ledger.book.clone();
        let id = book.number(by.person())?;
        let mut command = workflow::request(id, order, by, (verb.role, ruling), at);
        command.undo = plan.undo;
        let mut steps = vec![command.clone()];
        if command.state == CommandState::Refused {
            let mut asked = command.clone();
            asked.events.truncate(1);
            steps.insert(0, asked);
        }
        book.add(Open {
            command: command.clone(),
            deadline: Instant::now() + lifetime,
            begun: false,
            original,
        });
        let token = self.token(&command, &mut book, &mut steps)?;
        let submitted = self.commit(&mut ledger, book, &steps, (token, repairs)).await;
        self.show(&ledger);
        submitted
    }

    /// How long a command lives from now on.
    fn lifetime(&self, order: &Order, now: Timestamp) -> Result<Duration, GateError> {
        let Some(not_after) = order.not_after else {
            return Ok(self.rules.get().config.lifetime());
        };
        if not_after <= now {
            return Err(Refusal::Expired.into());
        }
        Ok(not_after.since(now).min(self.rules.get().config.lifetime()))
    }

    /// The command that an order undoes, as the journal has it. A second one that undoes it is refused.
    async fn original(&self, ledger: &Ledger, order: &Order) -> Result<Option<Box<Command>>, GateError> {
        let Some(id) = order.rolls_back else {
            return Ok(None);
        };
        if ledger.book.iter().any(|open| open.command.rolls_back == Some(id)) {
            return Err(PlanError::Conflict(format!("command {id} is being undone already")).into());
        }
        let original = self.stored(id).await?;
        workflow::undoing(&original)?;
        Ok(Some(Box::new(original)))
    }

    /// A command as the journal has it.
    pub(crate) async fn stored(&self, id: CommandId) -> Result<Command, GateError> {
        let journal = self.journal.clone();
        let read = tokio::task::spawn_blocking(move || journal.read(|connection| query::command(connection, id)));
        let found = read
            .await
            .map_err(|_| GateError::Unavailable)?
            .map_err(|_| GateError::Journal)?;
        found.ok_or(GateError::NoCommand(id))
    }

    /// What somebody does to a command. It is stored when this answers, and begun if everybody agreed who has to.
    pub(crate) async fn decide(
        &self,
        id: CommandId,
        act: Act,
        by: &Identity,
        reason: &str,
    ) -> Result<Submitted, GateError> {
        check_reason(reason)?;
        if act == Act::Override && !self.rules.get().config.emergency_override {
            return Err(Refusal::OverrideOff.into());
        }
        let mut ledger = self.ledger().await?;
        let Some(open) = ledger.book.get(id) else {
            drop(ledger);
            let state = self.stored(id).await?.state;
            let act = act.as_str();
            return Err(Refusal::State { state, act }.into());
        };
        let at = Timestamp::now();
        let mut command = workflow::decide(&open.command, act, by, (reason, at), open.is_due(Instant::now()))?;
        if act == Act::Override {
            tracing::error!(
                command = id.0, verb = command.verb, target_path = command.target, who = %by.name, reason,
                "emergency override: run without those who should have agreed"
            );
        }
        let mut steps = vec![command.clone()];
        let mut plan_error = None;
        if command.state == CommandState::Approved {
            // The values of now are what it has to be undone to.
            match self.replan(&command).await {
                Ok(plan) => command.undo = plan.undo,
                Err(error) => plan_error = Some(error),
            }
        }
        let mut book = ledger.book.clone();
        book.update(command.clone());
        let mut token = self.token(&command, &mut book, &mut steps)?;
        if let (Some(error), Some(executing)) = (plan_error, steps.last().filter(|_| token.is_some())) {
            let failed = workflow::end(executing, End::Failed(format!("it was not run: {error}")), at)?;
            book.update(failed.clone());
            steps.push(failed);
            token = None;
        }
        let submitted = self.commit(&mut ledger, book, &steps, (token, false)).await;
        self.show(&ledger);
        submitted
    }

    async fn replan(&self, command: &Command) -> Result<Plan, GateError> {
        let (_, effect) = self.effect(&command.verb)?;
        let order = Order {
            target: command.target.clone(),
            verb: command.verb.clone(),
            arguments: command.arguments.clone(),
            ..Order::default()
        };
        plan(effect, &order).await
    }

    /// Issues the token of an approved command and uses it up, in the same append.
    fn token(&self, command: &Command, book: &mut Book, steps: &mut Vec<Command>) -> Result<Option<Token>, GateError> {
        if command.state != CommandState::Approved {
            return Ok(None);
        }
        let mut id = [0; TOKEN_ID_BYTES];
        SystemRandom::new().fill(&mut id).map_err(|_| GateError::Unavailable)?;
        let at = Timestamp::now();
        let token = Token::issue(&self.seal, hex(&id), command, at);
        let is_due = book.get(command.id).is_none_or(|open| open.is_due(Instant::now()));
        let executing = workflow::execute(command, &token.id, at, is_due)?;
        book.update(executing.clone());
        steps.push(executing);
        Ok(Some(token))
    }

    /// Stores steps and begins what may be begun. A repair is begun also while the journal is away.
    async fn commit(
        &self,
        ledger: &mut MutexGuard<'_, Ledger>,
        book: Book,
        steps: &[Command],
        (token, repairs): (Option<Token>, bool),
    ) -> Result<Submitted, GateError> {
        let Some(command) = steps.last().cloned() else {
            return Err(GateError::Unavailable);
        };
        let id = command.id;
        let is_new = ledger.book.get(id).is_none();
        match ledger.propose(book.clone(), steps, STORE_LIMIT).await {
            Ok(()) => {}
            Err(error) if token.is_some() && repairs => {
                tracing::error!(
                    ?error,
                    command = id.0,
                    verb = command.verb,
                    target_path = command.target,
                    who = command.requested_by,
                    reason = command.reason,
                    "run without the journal, which is noted when it is back"
                );
                // If it was not even handed in, because what came before it waits, it is now.
                if is_new && ledger.book.get(id).is_none() {
                    ledger.note(book, steps);
                }
            }
            Err(error) => {
                let not_run = End::Failed("the journal did not take it in time; it was not run".to_owned());
                if token.is_some() && error == NotStored::Away && ledger.book.get(id).is_some_and(|open| !open.begun) {
                    ledger.end(id, not_run);
                }
                self.changed.notify_one();
                return Err(GateError::Journal);
            }
        }
        let end = token.and_then(|token| self.begin(ledger, &command, &token));
        self.changed.notify_one();
        Ok(Submitted { command, end })
    }

    /// Runs a command, once: its token is checked, and the book knows what was begun.
    fn begin(&self, ledger: &mut Ledger, command: &Command, token: &Token) -> Option<oneshot::Receiver<Command>> {
        let end = ledger.await_end(command.id);
        let refusal = token
            .check(&self.seal, command, Timestamp::now())
            .map_err(|error| error.to_string());
        let effect = self.effect(&command.verb).map_err(|error| error.to_string());
        match refusal.and(effect) {
            Ok((_, effect)) if ledger.book.begin(command.id) => {
                tracing::info!(
                    command = command.id.0,
                    verb = command.verb,
                    target_path = command.target,
                    who = command.requested_by,
                    "command runs"
                );
                self.running.begin(command.id, effect.execute(command, token));
            }
            Ok(_) => tracing::error!(command = command.id.0, "command was begun before"),
            Err(error) => {
                tracing::error!(command = command.id.0, error, "token refused");
                ledger.end(command.id, End::Failed(error));
            }
        }
        Some(end)
    }

    /// Carries on for as long as it is polled: ends what ended, expires what is due, tries the journal again.
    pub(crate) async fn drive(&self) {
        let mut told = 0;
        let _next = Handover(&self.changed);
        loop {
            let wake_at = {
                let mut ledger = self.ledger.lock().await;
                for (id, end) in self.running.take() {
                    ledger.end(id, end);
                }
                self.expire(&mut ledger);
                let stored = ledger.tend(STORE_LIMIT).await;
                self.show(&ledger);
                if stored == Ok(()) && std::mem::replace(&mut told, ledger.version()) != ledger.version() {
                    self.log_head().await;
                }
                let retry_at = ledger.is_behind().then(|| Instant::now() + RETRY_AFTER);
                retry_at.into_iter().chain(ledger.book.next_deadline()).min()
            };
            let due = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.running.ended() => {}
                () = self.changed.notified() => {}
                () = due => {}
            }
        }
    }

    fn expire(&self, ledger: &mut Ledger) {
        let (now, at) = (Instant::now(), Timestamp::now());
        let due = ledger.book.iter().filter(|open| open.waits() && open.is_due(now));
        let expired: Vec<Command> = due
            .filter_map(|open| workflow::expire(&open.command, at).ok())
            .collect();
        if expired.is_empty() {
            return;
        }
        let mut book = ledger.book.clone();
        for command in &expired {
            book.update(command.clone());
        }
        ledger.note(book, &expired);
    }

    /// The newest seal of the audit, where whoever rewrites the file does not reach it: in the log.
    async fn log_head(&self) {
        let journal = self.journal.clone();
        let read = tokio::task::spawn_blocking(move || journal.read(query::head)).await;
        if let Ok(Ok(Some((head, _)))) = read {
            tracing::info!(rows = head.rows, head = head.hash, "audit");
        }
    }

    fn show(&self, ledger: &Ledger) {
        let open = || ledger.book.iter().map(|open| &open.command);
        let status = GateStatus {
            waiting: open()
                .filter(|command| command.state == CommandState::Requested)
                .count(),
            unknown: open()
                .filter(|command| command.state == CommandState::Unknown)
                .map(|command| command.id)
                .collect(),
            unsaved: ledger.unsaved(),
        };
        self.status.send_replace(status);
    }
}

async fn plan(effect: &Arc<dyn Effect>, order: &Order) -> Result<Plan, GateError> {
    let planned = tokio::time::timeout(PLAN_LIMIT, effect.plan(order)).await;
    let late = |_| {
        PlanError::Unavailable(format!(
            "no plan for {:?} within {} s",
            order.verb,
            PLAN_LIMIT.as_secs()
        ))
    };
    Ok(planned.map_err(late)??)
}

/// Keeps the limits, before anything is made of it.
fn check(order: &Order) -> Result<(), GateError> {
    check_reason(&order.reason)?;
    let invalid = |what: &str| Err(GateError::Invalid(what.to_owned()));
    if order.verb.len() > NAME_MAX || order.target.is_empty() || order.target.len() > NAME_MAX {
        return invalid("verb and target take 1 to 256 bytes");
    }
    if order.target.chars().any(char::is_control) {
        return invalid("the target has control characters");
    }
    let arguments = serde_json::to_string(&order.arguments).map_or(usize::MAX, |text| text.len());
    if arguments > ARGUMENTS_MAX {
        return invalid("arguments take up to 64 KiB");
    }
    Ok(())
}

fn check_reason(reason: &str) -> Result<(), GateError> {
    if reason.chars().count() > REASON_MAX {
        return Err(GateError::Invalid(format!(
            "a reason takes up to {REASON_MAX} characters"
        )));
    }
    Ok(())
}
