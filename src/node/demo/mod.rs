//! Three nodes on this machine, INPUD, ANPUD and a relay, and the story of 2018 they report.
//!
//! - `book`: what the two networks did, as records.
//!
//! Everything is real: directories, vaults, TLS between the nodes, proofs. INPUD and ANPUD never
//! speak to each other; all that ANPUD knows of INPUD came through the relay. Only the date is
//! not today's: the networks report in January 2019, when 2018 was due.

mod book;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::make::make;
use super::open::Node;
use super::serve::Running;
use super::{failure, on_thread};
use crate::charter::{Card, Charter, Founding, Policy, Size};
use crate::cli::Failure;
use crate::cli::host::{DemoNode, DemoRun, DemoStage, DemoStory, NewNode};
use crate::clock::Clock;
use crate::config::{Config, Passphrase};
use crate::identity::canon;
use crate::log::{Origin, TlogProof};
use crate::model::{Grain, Kind, MemberId, Period};
use crate::rpc::Client;
use crate::store::{file, os_entropy};
use crate::wire;

/// The year the story is about.
const YEAR: Period = Period::year(2018);

fn reporting_day() -> Date {
    date(2019, 1, 31)
}

/// The networks, and the relay between them.
const NETWORKS: [(&str, &str, &[&str]); 2] = [
    ("inpud", "INPUD", &["GB", "CH", "AT"]),
    ("anpud", "ANPUD", &["TH", "ID", "IN", "NP"]),
];
const RELAY: (&str, &str) = ("relay", "Relay");

/// Makes the nodes, tells the story and hands it to `show`; unless `once`, it then stays up until
/// it is interrupted.
///
/// # Errors
/// When a node cannot be made, or refuses what the story asks of it.
pub async fn run(demo: DemoRun, show: impl FnOnce(DemoStory) + Send) -> Result<(), Failure> {
    // Listening before anything is shown: whoever reads it may interrupt at once.
    let mut interrupted = signal(SignalKind::interrupt())
        .map_err(|error| Failure::new("internal", error.to_string(), ""))?;
    let place = Place::choose(demo.dir)?;
    let stage = Stage::set(&place.path).await?;
    let story = stage.tell().await;
    if let Ok(mut story) = story {
        story.stays = (!demo.once).then(|| DemoStage {
            dir: place.path.clone(),
            temporary: place.temporary,
        });
        show(story);
    } else {
        stage.strike().await;
        return story.map(drop);
    }
    if !demo.once {
        tracing::info!("the nodes stay up until Ctrl-C");
        interrupted.recv().await;
    }
    stage.strike().await;
    Ok(())
}

/// Where the nodes live: a folder that was asked for, or one that goes with the demonstration.
struct Place {
    path: PathBuf,
    temporary: bool,
}

impl Place {
    fn choose(asked: Option<PathBuf>) -> Result<Self, Failure> {
        let temporary = asked.is_none();
        let path = match asked {
            Some(path) => path,
            None => std::env::temp_dir().join(format!("counterfoil-demo-{}", random_word()?)),
        };
        file::create_private_dir(&path).map_err(failure)?;
        // Whoever reads where it is may stand in another folder.
        let path = path.canonicalize().unwrap_or(path);
        Ok(Self { path, temporary })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the demonstration's folder stays");
        }
    }
}

fn random_word() -> Result<String, Failure> {
    let mut random = [0; 8];
    os_entropy(&mut random).map_err(|error| Failure::new("internal", error.to_string(), ""))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The nodes, running.
struct Stage {
    networks: Vec<Running>,
    relay: Running,
    charter: Charter,
}

impl Stage {
    async fn set(place: &Path) -> Result<Self, Failure> {
        let mut cast = Vec::new();
        for (id, name, countries) in NETWORKS {
            cast.push(Actor::cast(place, id, name, countries, false).await?);
        }
        cast.push(Actor::cast(place, RELAY.0, RELAY.1, &[], true).await?);
        let charter = agree(&cast).await?;
        let mut running = Vec::new();
        for actor in cast {
            running.push(Running::start(actor.node).await?);
        }
        let relay = running.pop().ok_or_else(no_story)?;
        for network in &running {
            let url = format!("https://{}", relay.grpc);
            let member = RELAY.0.to_owned();
            network
                .client()?
                .add_peer(wire::AddPeerRequest { member, url })
                .await?;
        }
        Ok(Self {
            networks: running,
            relay,
            charter,
        })
    }

    async fn tell(&self) -> Result<DemoStory, Failure> {
        for (network, (id, ..)) in self.networks.iter().zip(NETWORKS) {
            let client = network.client()?;
            book::write(&client, id).await?;
            publish(&client).await?;
        }
        // Each network hands its slips to the relay; the first then fetches what came after.
        for network in self.networks.iter().chain(self.networks.first()) {
            sync(&network.client()?).await?;
        }
        let asked = self.networks.last().ok_or_else(no_story)?;
        let client = asked.client()?;
        let report = client.query(trainings_by_topic()).await?;
        let story = client.story(the_year()).await?;
        Ok(DemoStory {
            nodes: self.nodes(),
            report,
            story: story.sentences.into_iter().map(|told| told.text).collect(),
            verified: self.every_proof_holds(&client).await?,
            stays: None,
        })
    }

    fn nodes(&self) -> Vec<DemoNode> {
        let ids = NETWORKS.map(|(id, ..)| id).into_iter().chain([RELAY.0]);
        let node = |(member, running): (&str, &Running)| DemoNode {
            member: member.to_owned(),
            grpc: running.grpc.to_string(),
            web: None,
        };
        ids.zip(self.networks.iter().chain([&self.relay]))
            .map(node)
            .collect()
    }

    /// Checks every leaf of both networks as somebody far away would: by the charter alone.
    async fn every_proof_holds(&self, client: &Client) -> Result<bool, Failure> {
        let mut checked = 0;
        for (id, ..) in NETWORKS {
            let member = member(id)?;
            let origin = Origin::of(self.charter.consortium(), &member);
            let keys: Vec<_> = self.charter.log_vkey(&member).into_iter().collect();
            for leaf_index in 0.. {
                let member = member.to_string();
                let asked = wire::ProveRequest { member, leaf_index };
                let proof = match client.prove(asked).await {
                    Ok(proof) => proof,
                    Err(error) if error.code == "not_found" => break,
                    Err(error) => return Err(error.into()),
                };
                let holds = TlogProof::parse(proof.document.as_bytes())
                    .is_ok_and(|proof| proof.verify(&origin, &keys).is_ok());
                if !holds {
                    return Ok(false);
                }
                checked += 1;
            }
        }
        tracing::info!(leaves = checked, "every proof was checked");
        Ok(checked > 0)
    }

    async fn strike(self) {
        for running in self.networks {
            running.stop().await;
        }
        self.relay.stop().await;
    }
}

/// A node with its card, before it serves.
struct Actor {
    node: Node,
    client: Client,
    card: Card,
}

impl Actor {
    async fn cast(
        place: &Path,
        id: &str,
        name: &str,
        countries: &[&str],
        relay: bool,
    ) -> Result<Self, Failure> {
        let dir = place.join(id);
        let passphrase = passphrase()?;
        let config = Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..Config::default()
        };
        let new = NewNode {
            dir: dir.clone(),
            member: member(id)?,
            name: name.to_owned(),
            size: Size::Medium,
            countries: countries.iter().map(|code| (*code).to_owned()).collect(),
            relay,
            config: config.clone(),
            settings: String::new(),
            passphrase: (!relay).then(|| passphrase.clone()),
        };
        let clock = Clock {
            today: reporting_day,
            ..Clock::SYSTEM
        };
        on_thread(move || make(&new, clock, os_entropy)).await?;
        let opened = (!relay).then_some(passphrase);
        let node = Node::open(&dir, config, opened, clock, os_entropy).await?;
        let client = node.client()?;
        let card = client
            .card(wire::CardRequest { fingerprint: false })
            .await?;
        Ok(Self {
            card: Card::parse(card.text.as_bytes()).map_err(failure)?,
            node,
            client,
        })
    }
}

fn passphrase() -> Result<Passphrase, Failure> {
    let mut random = Zeroizing::new([0; 16]);
    os_entropy(random.as_mut_slice())
        .map_err(|error| Failure::new("internal", error.to_string(), ""))?;
    let text = Zeroizing::new(canon::to_base64(random.as_slice()));
    Passphrase::new(text).ok_or_else(no_story)
}

fn member(id: &str) -> Result<MemberId, Failure> {
    id.parse().map_err(|_| no_story())
}

fn no_story() -> Failure {
    Failure::new("internal", "the demonstration is not what it should be", "")
}

/// Lets both networks sign one charter, and all three apply it.
async fn agree(cast: &[Actor]) -> Result<Charter, Failure> {
    let draft = Founding {
        consortium: "inpud-anpud".parse().map_err(|_| no_story())?,
        threshold: 2,
        cards: cast.iter().map(|actor| actor.card.clone()).collect(),
        policy: Policy::default_plan(),
        governors: None,
        since: YEAR,
        expires: Founding::default_expiry(jiff::Zoned::now().date()),
    }
    .draft()
    .map_err(failure)?;
    let mut note = draft.to_string();
    for actor in cast.iter().filter(|actor| !actor.card.member().relay) {
        note = actor
            .client
            .sign_charter(wire::SignCharterRequest { note })
            .await?
            .note;
    }
    for actor in cast {
        let notes = vec![note.clone()];
        actor
            .client
            .submit_charter(wire::SubmitCharterRequest { notes })
            .await?;
    }
    Ok(draft.charter().clone())
}

/// Publishes the year and its quarters; where nothing happened, says so.
async fn publish(client: &Client) -> Result<(), Failure> {
    let periods = YEAR.split(Grain::Quarter, 1).into_iter().chain([YEAR]);
    for period in periods.map(|period| period.to_string()) {
        let draft = client
            .preview(wire::PreviewRequest {
                period: period.clone(),
                kinds: Vec::new(),
            })
            .await?;
        let said: Vec<&str> = draft
            .summaries
            .iter()
            .filter_map(|s| s.series.split('/').next())
            .collect();
        let silent = Kind::ALL
            .iter()
            .filter(|kind| !said.contains(&kind.as_str()));
        for kind in silent {
            client
                .set_status(wire::SetStatusRequest {
                    period: period.clone(),
                    status: "nil".to_owned(),
                    kind: kind.to_string(),
                })
                .await?;
        }
        client
            .publish(wire::PublishRequest {
                hold_seconds: 0,
                digest: draft.digest.clone(),
            })
            .await?;
    }
    Ok(())
}

async fn sync(client: &Client) -> Result<(), Failure> {
    let synced = client
        .sync_peers(wire::SyncPeersRequest {
            peer: String::new(),
        })
        .await?;
    match synced.peers.into_iter().find(|peer| !peer.ok) {
        None => Ok(()),
        Some(peer) => Err(Failure::new(
            "sync",
            format!("{}: {}", peer.member, peer.error),
            "",
        )),
    }
}

fn the_year() -> wire::StoryRequest {
    wire::StoryRequest {
        from: YEAR.to_string(),
        to: YEAR.to_string(),
        ..wire::StoryRequest::default()
    }
}

fn trainings_by_topic() -> wire::QueryRequest {
    wire::QueryRequest {
        kind: Kind::Training.to_string(),
        measure: "activities".to_owned(),
        by: vec!["topic".to_owned()],
        from: YEAR.to_string(),
        to: YEAR.to_string(),
        grain: Grain::Year.to_string(),
        ..wire::QueryRequest::default()
    }
}
