-- The clinic's own systems are told what the event log holds.

CREATE TABLE webhooks (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  kinds text[] NOT NULL DEFAULT '{}' CHECK (cardinality(kinds) <= 100),   -- empty: all
  encrypted_secret text NOT NULL,
  -- The one before it, signed with as well until then.
  encrypted_old_secret text,
  old_secret_until timestamptz,
  -- Of a removed one the messages go in batches, and it with the last of them.
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'removed')),
  failing_since timestamptz,            -- no message got through since
  -- How far the event log was read: as the log is ordered. It begins with what isn't surely past.
  read_transaction xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
  read_event bigint NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);

-- One event for one webhook. Its id comes from both, so that the same event has the same id always.
CREATE TABLE webhook_messages (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  transaction_id xid8 NOT NULL,
  event_id bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, webhook_id, transaction_id, event_id),
  FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id)
);
CREATE INDEX webhook_messages_in_time ON webhook_messages (org_id, created_at);

-- An alert is told of alone, or together with others of its kind: then it has that one's id here.
ALTER TABLE alerts
  ADD COLUMN told_with uuid,
  ADD COLUMN told_at timestamptz;
UPDATE alerts SET told_with = id;       -- those of before are known
CREATE INDEX alerts_untold ON alerts (org_id, kind) WHERE told_with IS NULL;
CREATE INDEX alerts_told ON alerts (org_id, kind, told_at);

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['webhooks', 'webhook_messages']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)', v_table, current_user);
  END LOOP;
  EXECUTE $policy$CREATE POLICY tenant_reads ON webhook_messages FOR SELECT USING (
    org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid)$policy$;
  GRANT SELECT ON webhook_messages TO voxanne_api;
END $$;
