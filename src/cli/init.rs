//! `init`: a node in an empty directory.

use std::path::PathBuf;

use serde::Serialize;
use zeroize::Zeroizing;

use super::context::Context;
use super::failure::Failure;
use super::files::Reserved;
use super::host::{Host, MadeNode, NewNode};
use super::output::Reply;
use crate::charter::Size;
use crate::config::{self, Passphrase, Written};
use crate::model::MemberId;
use crate::model::country;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The member's identifier: small letters, digits and dashes
    #[arg(long, value_name = "ID")]
    member: MemberId,
    /// The member's name, for people
    #[arg(long)]
    name: String,
    /// How many persons it reaches in a year: small (under 50), medium (under 200) or large
    #[arg(long, default_value = "medium")]
    size: Size,
    /// Countries its tables name: ISO codes or English names, separated by commas
    #[arg(long, value_name = "TH,VN…", value_delimiter = ',', value_parser = country_code)]
    countries: Vec<String>,
    /// Address and port other nodes connect to; 127.0.0.1:7443 if not said
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where other nodes reach this one, https://host:port; without it, it only dials out
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
    /// Write the recovery sheet to a new file, to be printed and removed, instead of printing it
    #[arg(long, value_name = "FILE")]
    recovery_out: Option<PathBuf>,
    /// Only replicate and witness: no records, no log of its own
    #[arg(long)]
    relay: bool,
}

impl InitArgs {
    pub(super) fn settings(&self, written: Written) -> Written {
        written
            .with_flag("listen", self.listen.as_deref())
            .with_flag("advertise", self.advertise.as_deref())
    }

    /// Returns the settings file of the new node: what was said here is kept there.
    fn settings_file(&self) -> String {
        let chosen: Vec<(&str, &str)> = [("listen", &self.listen), ("advertise", &self.advertise)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
            .collect();
        config::template(&chosen)
    }
}

fn country_code(given: &str) -> Result<String, String> {
    country::find(given)
        .map(|country| country.alpha2.to_owned())
        .ok_or_else(|| "not a country; accepted: ISO 3166-1 codes or English names".to_owned())
}

pub(super) async fn run<H: Host>(args: InitArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    let settings = args.settings_file();
    // The place for the key comes first: a key that cannot be written down is lost.
    let reserved = args
        .recovery_out
        .as_deref()
        .map(|path| Reserved::new("recovery sheet", path))
        .transpose()?;
    let made = async {
        let new = NewNode {
            dir: context.dir.clone(),
            member: args.member.clone(),
            name: args.name,
            size: args.size,
            countries: args.countries,
            relay: args.relay,
            config: context.config.clone(),
            settings,
            passphrase: passphrase(args.relay, context)?,
        };
        context.host.init(new).await
    };
    let made = match made.await {
        Ok(made) => made,
        Err(failure) => {
            if let Some(reserved) = reserved {
                reserved.give_up();
            }
            return Err(failure);
        }
    };
    let mut reply = InitReply::new(args.member, context.dir.display().to_string(), &made);
    match (reserved, made.sheet()) {
        (Some(reserved), Some(sheet)) => {
            reserved.fill("recovery sheet", sheet.as_bytes())?;
            (reply.recovery_key, reply.recovery_code) = (None, None);
        }
        // A relay has nothing to recover, so there is nothing to keep.
        (Some(reserved), None) => reserved.give_up(),
        (None, _) => {}
    }
    context.answer(&reply)
}

/// A relay has nothing to seal; what it is given all the same is passed on.
fn passphrase<H: Host>(
    relay: bool,
    context: &Context<'_, H>,
) -> Result<Option<Passphrase>, Failure> {
    if relay && context.config.passphrase_file.is_none() {
        return Ok(None);
    }
    context.new_passphrase().map(Some)
}

#[derive(Debug, Serialize)]
struct InitReply {
    member: MemberId,
    dir: String,
    log_key: Option<String>,
    witness_key: String,
    /// Only where no file was named for it: nothing else ever shows it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_key: Option<String>,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<String>,
    #[serde(skip)]
    sheet: Option<Zeroizing<String>>,
}

impl MadeNode {
    /// Returns what is to be kept on paper.
    fn sheet(&self) -> Option<Zeroizing<String>> {
        let code = self.recovery_code.as_ref()?;
        Some(code.sheet(self.recovery_key.as_deref().map(String::as_str)))
    }
}

impl InitReply {
    fn new(member: MemberId, dir: String, made: &MadeNode) -> Self {
        Self {
            member,
            dir,
            log_key: made.log_key.clone(),
            witness_key: made.witness_key.clone(),
            recovery_key: made.recovery_key.as_ref().map(|key| key.to_string()),
            recovery_code: made
                .recovery_code
                .as_ref()
                .map(|code| code.grouped().to_string()),
            sheet: made.sheet(),
        }
    }
}

impl Reply for InitReply {
    fn human(&self) -> String {
        let mut text = format!("Made the node of {} in {}.\n", self.member, self.dir);
        if let (Some(_), Some(sheet)) = (&self.recovery_key, &self.sheet) {
            text.push_str(&format!("\n{}\n", sheet.as_str()));
        }
        text.push_str("Next: `counterfoil charter card` prints its card for the charter.\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_has_no_log_key_and_json_says_so() {
        let made = MadeNode {
            log_key: None,
            witness_key: "w".to_owned(),
            recovery_key: None,
            recovery_code: None,
        };
        let member: MemberId = "relay".parse().expect("an id");
        let reply = InitReply::new(member, "d".to_owned(), &made);
        assert_eq!(
            serde_json::to_string(&reply).expect("it is JSON"),
            r#"{"member":"relay","dir":"d","log_key":null,"witness_key":"w"}"#
        );
        assert!(!reply.human().contains("Recovery"));
    }

    #[test]
    fn countries_become_two_letters() {
        assert_eq!(country_code("Thailand"), Ok("TH".to_owned()));
        assert_eq!(country_code("VNM"), Ok("VN".to_owned()));
        assert!(country_code("Atlantis").is_err());
    }
}
