//! One transaction for many refreshes: claim, judge, write, commit; then everyone is answered.

use std::collections::{BTreeSet, HashMap};

use menshen_domain::refresh_token::{self, Refusal, Verdict};
use menshen_token::{GrantId, Timestamp};

use super::lineage::{self, Lineage};
use super::queue::{Answer, Ask, Request};
use crate::Result;
use crate::database::{Database, Tx};

/// Answers all requests, in order; an error is the answer to all of them.
pub(super) async fn run(database: &Database, requests: &[Request]) -> Result<Vec<Result<Answer>>> {
    database.write(|tx| Box::pin(answer_all(tx, requests))).await
}

async fn answer_all(tx: &mut Tx<'_>, requests: &[Request]) -> Result<Vec<Result<Answer>>> {
    let ids: BTreeSet<GrantId> = requests.iter().map(|request| request.grant_id).collect();
    let ids: Vec<GrantId> = ids.into_iter().collect();
    lineage::lock(tx, &ids).await?;
    let mut lineages = lineage::load(tx, &ids).await?;
    let mut changed = BTreeSet::new();
    let ceiling = tx.access_token_ceiling;
    let answers = requests
        .iter()
        .map(|request| {
            let lineage = match lineages.get_mut(&request.grant_id) {
                None => return Ok(Answer::Unknown),
                Some(Err(error)) => return Err(error.clone()),
                Some(Ok(lineage)) => lineage,
            };
            let verdict = judge(&request.ask, lineage, request.now);
            match (verdict, &request.ask) {
                (Verdict::Refuse(refusal), _) => return Ok(Answer::Refused(refusal)),
                (Verdict::Kill | Verdict::Expire(_), _) => return Ok(Answer::NotInBatch),
                (Verdict::Reissue, _) | (Verdict::Rotate, Ask::Derive) => {}
                (Verdict::Rotate, Ask::Renew) => lineage.touch(request.now),
                (Verdict::Rotate, Ask::Refresh(presentation, mac_key_id)) => {
                    let retry_key_hash = presentation.retry_key_hash.clone();
                    lineage.rotate(mac_key_id.clone(), retry_key_hash, request.now);
                }
            }
            changed.insert(request.grant_id);
            Ok(Answer::Issued(Box::new(lineage.issue(verdict, ceiling, request.now))))
        })
        .collect();
    let changed = changed_grants(&lineages, &changed);
    lineage::update(tx, &changed).await?;
    Ok(answers)
}

/// Each presentation sees what the one before it in the batch has changed.
fn judge(ask: &Ask, lineage: &Lineage, now: Timestamp) -> Verdict {
    let grant = &lineage.grant;
    match (ask, grant.ended) {
        (Ask::Refresh(presentation, _), _) => {
            refresh_token::judge(presentation, grant, &lineage.client, now)
        }
        (Ask::Renew | Ask::Derive, Some(ended)) => Verdict::Refuse(Refusal::Ended(ended.reason)),
        (Ask::Renew | Ask::Derive, None) => {
            grant.expired(now).map_or(Verdict::Rotate, Verdict::Expire)
        }
    }
}

fn changed_grants<'a>(
    lineages: &'a HashMap<GrantId, Result<Lineage>>,
    changed: &BTreeSet<GrantId>,
) -> Vec<&'a menshen_domain::Grant> {
    let lineages = changed.iter().filter_map(|id| lineages.get(id)?.as_ref().ok());
    lineages.map(|lineage| &lineage.grant).collect()
}
