//! What the two networks did in 2018, as records. Persons are invented counts and codes.

use crate::cli::Failure;
use crate::rpc::Client;
use crate::wire;

/// Organisations that signed the open letter.
const SIGNATORIES: usize = 188;

/// Writes one network's book.
pub(super) async fn write(client: &Client, id: &str) -> Result<(), Failure> {
    match id {
        "inpud" => inpud(client).await,
        _ => anpud(client).await,
    }
}

async fn inpud(client: &Client) -> Result<(), Failure> {
    trainings(client, "GB", "all", 3).await?;
    consultation(client, 20, 12).await?;
    let letter = add(
        client,
        "advocacy_action",
        &[
            ("title", "Open letter on the first draft of the Standards"),
            ("start", "2018-02-26"),
            ("country", "international"),
            ("action_type", "open_letter"),
            ("outcome", "first_draft_stopped"),
            ("joint_id", "new"),
        ],
    )
    .await?;
    import(
        client,
        &letter,
        "advocacy_action",
        "signatories",
        &signatories(),
    )
    .await?;
    add(
        client,
        "advocacy_action",
        &[
            ("title", "Meeting on the final draft"),
            ("start", "2018-11-12"),
            ("country", "AT"),
            ("action_type", "meeting"),
            ("outcome", "changes_promised"),
        ],
    )
    .await?;
    project(client, "new").await?;
    milestone(client, "2018-09-03", "done").await
}

async fn anpud(client: &Client) -> Result<(), Failure> {
    trainings(client, "TH", "most", 2).await?;
    consultation(client, 14, 9).await?;
    // The letter is INPUD's to count; ANPUD joined it, under the code INPUD read out.
    add(
        client,
        "advocacy_action",
        &[
            ("title", "Open letter on the first draft of the Standards"),
            ("start", "2018-02-26"),
            ("country", "international"),
            ("action_type", "open_letter"),
            ("joint_id", "K7-MANGO"),
            ("lead", "inpud"),
        ],
    )
    .await?;
    milestone(client, "2018-10-15", "in_progress").await
}

/// One training in each of the three subjects, with few participants.
async fn trainings(
    client: &Client,
    country: &str,
    reach: &str,
    people: usize,
) -> Result<(), Failure> {
    let subjects = [
        ("accounting", "2018-03-06", Some(reach)),
        ("auditing", "2018-06-12", None),
        ("financial_management", "2018-09-18", None),
    ];
    for (topic, start, reach) in subjects {
        let mut fields = vec![
            ("title", topic),
            ("start", start),
            ("country", country),
            ("topics", topic),
            ("hours", "6.5"),
            ("grant", "rcf"),
        ];
        fields.extend(reach.map(|reach| ("staff_reach", reach)));
        let training = add(client, "training", &fields).await?;
        let mut csv = String::from("person,gender,age_band,role,completed\n");
        for person in 1..=people {
            csv.push_str(&format!("code-{person},woman,30-39,member,yes\n"));
        }
        import(client, &training, "training", "participants", &csv).await?;
    }
    Ok(())
}

/// Suggestions sent in spring, some of them promised in November.
async fn consultation(client: &Client, sent: usize, promised: usize) -> Result<(), Failure> {
    let consultation = add(
        client,
        "consultation",
        &[
            ("title", "Comments on the Standards"),
            ("start", "2018-04-09"),
            ("country", "online"),
            ("document", "treatment_standards"),
            ("meetings", "2"),
        ],
    )
    .await?;
    let mut csv = String::from("source_id,text,made,decided,status\n");
    for number in 1..=sent {
        let answer = if number <= promised {
            "2018-11-20,promised"
        } else {
            ",open"
        };
        csv.push_str(&format!(
            "s{number},suggestion {number},2018-05-02,{answer}\n"
        ));
    }
    import(client, &consultation, "consultation", "suggestions", &csv).await
}

async fn project(client: &Client, joint_id: &str) -> Result<(), Failure> {
    let fields = [
        ("title", "Joint project"),
        ("start", "2018-01-15"),
        ("country", "international"),
        ("grant", "rcf"),
        ("partners", "inpud; anpud"),
        ("currency", "USD"),
        ("budget", "120000"),
        ("spent", "41250.50"),
        ("status", "running"),
        ("joint_id", joint_id),
    ];
    add(client, "joint_project", &fields).await.map(drop)
}

async fn milestone(client: &Client, start: &str, state: &str) -> Result<(), Failure> {
    let fields = [
        ("title", "HR restructuring"),
        ("start", start),
        ("domain", "hr"),
        ("item", "hr_manual"),
        ("state", state),
    ];
    add(client, "capacity_milestone", &fields).await.map(drop)
}

fn signatories() -> String {
    let mut csv = String::from("name,type,scope,public\n");
    for number in 1..=SIGNATORIES {
        let scope = match number {
            1..=12 => "international",
            13..=40 => "regional",
            _ => "national",
        };
        csv.push_str(&format!("Organisation {number},organisation,{scope},yes\n"));
    }
    csv
}

async fn add(client: &Client, kind: &str, fields: &[(&str, &str)]) -> Result<String, Failure> {
    let settings = fields.iter().map(|(field, value)| wire::Setting {
        field: (*field).to_owned(),
        value: (*value).to_owned(),
    });
    let added = client
        .add_record(wire::AddRecordRequest {
            kind: kind.to_owned(),
            settings: settings.collect(),
        })
        .await?;
    Ok(added.record.map(|record| record.id).unwrap_or_default())
}

async fn import(
    client: &Client,
    into: &str,
    kind: &str,
    list: &str,
    csv: &str,
) -> Result<(), Failure> {
    let header = wire::ImportHeader {
        kind: kind.to_owned(),
        into: into.to_owned(),
        list: list.to_owned(),
        length: csv.len() as u64,
        ..wire::ImportHeader::default()
    };
    let outcome = client
        .import_records(header, csv.as_bytes(), |_| {})
        .await?;
    match outcome.rejected.into_iter().next() {
        None => Ok(()),
        Some(row) => Err(Failure::new("refused", row.reason, "")),
    }
}
