-- The issuing statement looks for one client and its live secrets by the client's id. A hash index finds each in one page; a btree of millions of random ids in two that nobody has looked at
-- lately, comparing texts in each. Tokens go on while these are made; who writes clients or secrets waits, half a minute at ten millions.
set local role m2m_owner;

create index client_by_id on m2m.client using hash (client_id);
create index client_secret_live_by_id on m2m.client_secret using hash (client_id)
	where expires_at is null or expires_at > '-infinity';
