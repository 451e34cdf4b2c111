-- Purpose: whoever follows the event log goes on where they were, after a restore.
-- A place in the log is a transaction's number, and a fresh server counts from the beginning: events of before
-- would be hidden until it has caught up, and new ones would come before what readers have seen. So the counter
-- is moved past everything the log knows, and past `skip` more: what was lost since the backup had numbers too,
-- and readers have seen those. A million takes about five seconds.
SET voxanne.skip TO :'skip';
DO $$
DECLARE
  v_wanted constant numeric := current_setting('voxanne.skip')::numeric + greatest(
    (SELECT max(transaction_id::text::numeric) FROM events),
    (SELECT max(read_transaction::text::numeric) FROM webhooks),
    (SELECT max(scored_transaction::text::numeric) FROM organizations),
    pg_current_xact_id()::text::numeric);
BEGIN
  WHILE pg_current_xact_id()::text::numeric < v_wanted LOOP
    COMMIT;
  END LOOP;
END $$;
