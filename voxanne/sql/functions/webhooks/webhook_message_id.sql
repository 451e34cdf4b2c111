-- Purpose: the id of an event's message to a webhook: the same whenever, and however often, it is made.
CREATE FUNCTION webhook_message_id(p_webhook_id uuid, p_transaction xid8, p_event bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$
  SELECT substring(encode(sha256(convert_to(
    concat_ws(' ', p_webhook_id::text, p_transaction::text, p_event::text), 'UTF8')), 'hex') FOR 32)::uuid
$$;
REVOKE ALL ON FUNCTION webhook_message_id FROM PUBLIC;
