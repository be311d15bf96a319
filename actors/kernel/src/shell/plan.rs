//! The specification as the supervision thread holds it: with its nodes, ready to be started again and again.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::runner::Body;
use crate::core::ChildPolicy;
use crate::id::ChildPath;
use crate::node::{Node, NodeKind, Request};
use crate::policy::{HangPolicy, Intensity, Placement, Strategy};
use crate::spec::{Child, ChildKind, Manner, SupervisorSpec};

pub(super) struct Plan {
    pub(super) node: Arc<Node>,
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) children: Vec<Planned>,
}

pub(super) struct Planned {
    pub(super) node: Arc<Node>,
    pub(super) policy: ChildPolicy,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Actor(PlannedActor),
    Supervisor(Rc<Plan>),
}

pub(super) struct PlannedActor {
    pub(super) body: Box<dyn Body>,
    pub(super) mailbox: NonZeroUsize,
    pub(super) placement: Placement,
    pub(super) hang: Option<HangPolicy>,
}

impl Plan {
    /// `node` was made from the same specification by [`node_of`].
    pub(super) fn new(spec: SupervisorSpec, node: &Arc<Node>) -> Plan {
        let children = spec.children.into_iter().zip(&node.children);
        Plan {
            node: Arc::clone(node),
            strategy: spec.strategy,
            intensity: spec.intensity,
            children: children.map(|(child, node)| Planned::new(child, node)).collect(),
        }
    }

    /// Opens or closes the supervisor for operators.
    pub(super) fn set_inbox(&self, sender: Option<mpsc::Sender<Request>>) {
        if let NodeKind::Supervisor { inbox, .. } = &self.node.kind {
            *inbox.lock() = sender;
        }
    }
}

impl Planned {
    fn new(child: Child, node: &Arc<Node>) -> Planned {
        let (policy, kind) = match child.0 {
            ChildKind::Actor(manner, body) => {
                let Manner {
                    policy,
                    mailbox,
                    placement,
                    hang,
                    ..
                } = manner;
                let actor = PlannedActor {
                    body,
                    mailbox,
                    placement,
                    hang,
                };
                (policy, Kind::Actor(actor))
            }
            ChildKind::Supervisor(spec) => {
                let policy = spec.policy.clone();
                (policy, Kind::Supervisor(Rc::new(Plan::new(spec, node))))
            }
        };
        Planned {
            node: Arc::clone(node),
            policy,
            kind,
        }
    }
}

/// The live cells of a supervisor and everything below it.
pub(super) fn node_of(spec: &SupervisorSpec, path: ChildPath) -> Node {
    let below = |child: &Child| {
        let path = path.child(child.id());
        Arc::new(match &child.0 {
            ChildKind::Supervisor(spec) => node_of(spec, path),
            ChildKind::Actor(manner, body) => {
                let kind = NodeKind::Actor {
                    placement: manner.placement.clone(),
                    mailbox: manner.mailbox.get(),
                    counters: body.counters(),
                };
                Node::new(manner.id.clone(), path, kind, Vec::new())
            }
        })
    };
    let children = spec.children.iter().map(below).collect();
    let kind = NodeKind::Supervisor {
        strategy: spec.strategy,
        inbox: parking_lot::Mutex::new(None),
    };
    Node::new(spec.id.clone(), path, kind, children)
}

/// The hang policies of all actors below a supervisor.
pub(super) fn hang_policies(spec: &SupervisorSpec) -> Vec<HangPolicy> {
    let of = |child: &Child| match &child.0 {
        ChildKind::Actor(manner, _) => manner.hang.into_iter().collect(),
        ChildKind::Supervisor(spec) => hang_policies(spec),
    };
    spec.children.iter().flat_map(of).collect()
}
