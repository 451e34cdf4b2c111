-- Back to no dashboard. Accounts, their sessions and the audit log are lost: dump audit_log before.
DROP TABLE audit_log, memberships, sign_in_attempts, sign_in_links, sessions, staff_accounts;
