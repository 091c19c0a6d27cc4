//! `access grant|revoke|list`: certificates for people who ask for reports.

use std::path::PathBuf;

use serde::Serialize;
use zeroize::Zeroizing;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::files::Beside;
use super::host::Host;
use super::output::{Reply, table};
use crate::model::MemberId;
use crate::wire;

/// What a bearer may do.
#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Role {
    /// Ask for reports
    Coordinator,
    /// Ask for reports, and read its own member's audit log
    Auditor,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Auditor => "auditor",
        }
    }
}

/// Commands about certificates.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AccessCommand {
    /// Make a certificate and its key
    Grant(GrantArgs),
    /// Take a certificate back, everywhere
    Revoke {
        /// The name it was granted under
        name: String,
    },
    /// List certificates
    List,
}

/// Arguments of `access grant`.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    /// What the bearer may do
    #[arg(long)]
    role: Role,
    /// Who it is for; the name stays on this node
    #[arg(long, value_name = "N")]
    name: String,
    /// Write certificate, key and the CA to trust to this file, as PEM
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The member whose node it will call, if not this one
    #[arg(long = "for", value_name = "ID")]
    for_member: Option<MemberId>,
    /// How long it lasts, in days; a fraction is allowed
    #[arg(long, default_value = "90", value_parser = days)]
    days: f64,
}

/// Longest a certificate may last, in days.
const MOST_DAYS: f64 = 3660.0;

fn days(given: &str) -> Result<f64, String> {
    given
        .parse()
        .ok()
        .filter(|days: &f64| *days > 0.0 && *days <= MOST_DAYS)
        .ok_or_else(|| format!("expected a number of days up to {MOST_DAYS}"))
}

pub(super) async fn run<H: Host>(
    command: AccessCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    match command {
        AccessCommand::Grant(args) => grant(args, context).await,
        AccessCommand::Revoke { name } => {
            let request = wire::RevokeAccessRequest { name: name.clone() };
            let revoked = context
                .with_node(Plane::Private, async |node| {
                    node.revoke_access(request).await
                })
                .await?;
            let leaf_index = revoked.leaf_index;
            context.answer(&RevokeReply { name, leaf_index })
        }
        AccessCommand::List => {
            let request = wire::ListAccessRequest {};
            let listed = context
                .with_node(Plane::Private, async |node| node.list_access(request).await)
                .await?;
            let access = listed.access.into_iter().map(Access::from).collect();
            context.answer(&AccessReply { access })
        }
    }
}

async fn grant<H: Host>(args: GrantArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    // The place for the key comes first: a key that cannot be written down is lost.
    let out = Beside::private("certificate", &args.out)?;
    let request = wire::GrantAccessRequest {
        role: args.role.as_str().to_owned(),
        name: args.name.clone(),
        for_member: args.for_member.map(|id| id.to_string()).unwrap_or_default(),
        days: args.days,
    };
    let granted = context
        .with_node(Plane::Private, async |node| {
            node.grant_access(request).await
        })
        .await?;
    let pem = Zeroizing::new(granted.pem);
    out.fill("certificate", pem.as_bytes())?;
    context.answer(&GrantReply {
        name: args.name,
        role: args.role,
        handle: granted.handle,
        not_after: granted.not_after,
        out: args.out.display().to_string(),
    })
}

#[derive(Debug, Serialize)]
struct GrantReply {
    name: String,
    role: Role,
    handle: String,
    not_after: String,
    out: String,
}

impl Reply for GrantReply {
    fn human(&self) -> String {
        format!(
            "Made a certificate for a {}, good until {}.\n{} holds its key: hand it over safely.\n",
            self.role.as_str(),
            self.not_after,
            self.out
        )
    }
}

#[derive(Debug, Serialize)]
struct RevokeReply {
    name: String,
    leaf_index: u64,
}

impl Reply for RevokeReply {
    fn human(&self) -> String {
        format!(
            "Taken back with leaf {}; other nodes refuse it once that leaf arrives.\n",
            self.leaf_index
        )
    }
}

#[derive(Debug, Serialize)]
struct AccessReply {
    access: Vec<Access>,
}

#[derive(Debug, Serialize)]
struct Access {
    name: String,
    role: String,
    handle: String,
    not_after: String,
    revoked: bool,
}

impl From<wire::Access> for Access {
    fn from(access: wire::Access) -> Self {
        Self {
            name: access.name,
            role: access.role,
            handle: access.handle,
            not_after: access.not_after,
            revoked: access.revoked,
        }
    }
}

impl Reply for AccessReply {
    fn human(&self) -> String {
        if self.access.is_empty() {
            return "No certificate has been granted.\n".to_owned();
        }
        let rows: Vec<[String; 5]> = self
            .access
            .iter()
            .map(|access| {
                [
                    access.name.clone(),
                    access.role.clone(),
                    access.handle.clone(),
                    access.not_after.clone(),
                    if access.revoked { "revoked" } else { "" }.to_owned(),
                ]
            })
            .collect();
        table(["name", "role", "handle", "until", ""], &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_a_positive_number() {
        assert_eq!(days("0.001"), Ok(0.001));
        assert_eq!(days("90"), Ok(90.0));
        for wrong in ["0", "-1", "NaN", "inf", "99999", "soon"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
