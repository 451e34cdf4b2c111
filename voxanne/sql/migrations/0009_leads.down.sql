-- Back to leads without notes, merges and scores: who was merged is two leads again.
DROP TABLE lead_scores, lead_changes, notes;
ALTER TABLE organizations DROP COLUMN score_weights, DROP COLUMN scored_transaction, DROP COLUMN scored_event;
DROP INDEX leads_in_time, leads_merged;
ALTER TABLE leads DROP COLUMN merged_into;
