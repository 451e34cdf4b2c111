-- Back to leads without notes, merges and scores: who was merged is two leads again.
DROP TABLE lead_scores, lead_changes, notes;
ALTER TABLE organizations
  DROP COLUMN score_weights, DROP COLUMN score_weights_version, DROP COLUMN scored_transaction,
  DROP COLUMN scored_event, DROP COLUMN rescored_lead;
DROP INDEX leads_in_time, leads_by_name, leads_merged, events_of_lead, messages_of_number,
  consents_in_time;
ALTER TABLE leads DROP COLUMN merged_into;
