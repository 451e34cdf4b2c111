-- Purpose: what is needed to write and send a text message: whom it is about and goes to, by whose
-- account, in whose words, and what became of earlier attempts. The token stays encrypted.
CREATE FUNCTION text_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_text texts;
  v_appointment jsonb;
  v_to text;
BEGIN
  IF p_delivery.kind = 'sms_reply' THEN
    SELECT * INTO v_text FROM texts WHERE org_id = p_delivery.org_id AND id = p_delivery.subject_id;
    v_appointment := delivered_appointment(p_delivery.org_id, v_text.appointment_id);
    v_to := v_text.their_number;
  ELSE
    SELECT * INTO v_text FROM texts
    WHERE org_id = p_delivery.org_id AND appointment_id = p_delivery.subject_id
      AND kind = p_delivery.kind AND version = p_delivery.version
      AND direction = 'out' AND kind <> 'sms_reply';   -- as texts_of_delivery has it
    v_appointment := delivered_appointment(p_delivery.org_id, p_delivery.subject_id);
    v_to := coalesce(v_appointment #>> '{patient,contact_phone}', v_appointment #>> '{patient,phone}');
  END IF;
  RETURN jsonb_build_object(
    'appointment', v_appointment,
    'to', v_to,
    'link', CASE WHEN v_appointment ->> 'status' IN ('confirmed', 'held') THEN
      appointment_link(p_delivery.org_id, (v_appointment ->> 'appointment_id')::uuid) END,
    'account', (
      SELECT jsonb_build_object('account_sid', account_sid, 'number', number,
                                'encrypted_token', encode(encrypted_token, 'base64'))
      FROM sms_accounts WHERE org_id = p_delivery.org_id),
    'template', (
      SELECT body FROM message_templates JOIN organizations ON organizations.id = org_id
      WHERE org_id = p_delivery.org_id AND message_templates.language = organizations.language
        AND kind = regexp_replace(p_delivery.kind, '_[0-9]+h$', '')),
    'opted_out', wants_no_texts(p_delivery.org_id, v_to),
    'answer', v_text.answer,
    'choices', (
      SELECT jsonb_agg(delivered_appointment(p_delivery.org_id, id::uuid) ORDER BY place)
      FROM jsonb_array_elements_text(v_text.choices -> 'appointments') WITH ORDINALITY AS chosen (id, place)),
    'text', CASE WHEN v_text.id IS NOT NULL THEN jsonb_build_object(
      'id', v_text.id, 'body', v_text.body, 'external_id', v_text.external_id, 'attempt', v_text.attempt,
      'our_number', v_text.our_number, 'their_number', v_text.their_number,
      'tried_at', v_text.tried_at, 'status', v_text.status) END);
END $$;
REVOKE ALL ON FUNCTION text_details FROM PUBLIC;
