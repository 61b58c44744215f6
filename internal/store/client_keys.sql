-- What a worker needs to check an assertion: every live key and workload of the client, whoever
-- asks. It decides nothing: the issuing statement looks again.
-- $1 client_id.
select k.credential_id, k.public_jwk, k.issuer, k.subject, k.audience, k.claims::text, k.may_replay from m2m.client_credential k
where k.client_id = $1::text and k.kind in ('key', 'workload') and
  --: credential_is_live(k)
order by k.created_at
